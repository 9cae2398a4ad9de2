-- uses:
-- Replaces the body of a message that has never started.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, body
-- Returns  1 if it was replaced; 0: it has started, has ended, or was never there
local kept = redis.call('HMGET', P .. 'msg:' .. ARGV[1], 'state', 'attempts', 'box')
if (kept[1] ~= 'waiting' and kept[1] ~= 'delayed') or (tonumber(kept[2]) or 0) > 0 then
  return 0
end
if kept[1] == 'waiting' and not redis.call('LPOS', P .. 'box:' .. kept[3], ARGV[1]) then
  return 0 -- its mailbox was cancelled whole
end
redis.call('HSET', P .. 'msg:' .. ARGV[1], 'body', ARGV[2])
return 1
