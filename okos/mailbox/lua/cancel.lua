-- uses: time clock record alias place end
-- Cancels one message. One that waits is gone at once; one that runs is flagged: its process stops it, and it ends as
-- cancelled whatever it comes to. One that was merged is a part of the message that it was merged into, and ends with it.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, reason
-- Returns  'cancelled' | 'flagged' | 'ended' (it had ended, or was never there)
local now, limit = clock()
local id = accepted(ARGV[1])
local record = record_of(id)
local state = record and record.state
local outcome = 'cancelled'
if state == 'running' then
  flag(id, ARGV[2], now)
  outcome = 'flagged'
elseif state == 'delayed' then
  redis.call('ZREM', P .. 'delayed', record.seq .. id)
  cancel_waiting(id, record, true)
elseif (state == 'waiting' or state == 'backoff') and redis.call('LREM', P .. 'box:' .. record.box, 1, id) > 0 then
  cancel_waiting(id, record, true)
  reposition(record.box, limit, now)
else
  outcome = 'ended'
end
flush(now)
return outcome
