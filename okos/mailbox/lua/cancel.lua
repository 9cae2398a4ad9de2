-- uses: time clock place end
-- Cancels one message. One that waits is gone at once; one that runs is flagged: its process stops it, and it ends as
-- cancelled whatever it comes to.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, reason
-- Returns  'cancelled' | 'flagged' | 'ended' (it had ended, or was never there)
local now, limit = clock()
local id = ARGV[1]
local kept = redis.call('HMGET', P .. 'msg:' .. id, 'state', 'box', 'expires', 'seq')
local state, box = kept[1], kept[2]
if state == 'running' then
  flag(id, ARGV[2], now)
  return 'flagged'
end
if state == 'delayed' then
  redis.call('ZREM', P .. 'delayed', kept[4] .. id)
  cancel_waiting(id, box, kept[3])
elseif (state == 'waiting' or state == 'backoff') and redis.call('LREM', P .. 'box:' .. box, 1, id) > 0 then
  cancel_waiting(id, box, kept[3])
  reposition(box, limit, now)
else
  return 'ended'
end
flush()
return 'cancelled'
