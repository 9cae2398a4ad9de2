-- uses: time clock record
-- Replaces the body of a message that has never started.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, body
-- Returns  1 if it was replaced; 0: it has started, has ended, or was never there
local now = clock()
local id, body = ARGV[1], ARGV[2]
local record = record_of(id)
if not record or (record.state ~= 'waiting' and record.state ~= 'delayed') or (record.attempts or 0) > 0 then
  return 0
end
if record.state == 'waiting' and not redis.call('LPOS', P .. 'box:' .. record.box, id) then
  return 0 -- its mailbox was cancelled whole
end
record.bytes = record.bytes + #body - redis.call('HSTRLEN', P .. 'body', id)
changed[id] = true
redis.call('HSET', P .. 'body', id, body)
flush(now)
return 1
