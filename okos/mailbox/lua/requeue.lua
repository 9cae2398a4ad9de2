-- uses: time clock record alias place end publish
-- Gives dead letters another life: to the tail of their mailboxes, counted and charged anew. Asked twice, done once.
--
-- KEYS[1]  namespace prefix
-- ARGV     id…
-- Returns  how many were requeued
local now, limit = clock()
local AGAIN = { 'ended', 'retries', 'stalls', 'attempts', 'charged', 'started', 'due', 'proc', 'error' }
local requeued = 0
for _, asked in ipairs(ARGV) do
  local id = accepted(asked)
  -- one whose record cannot be read stays where it is: there is no mailbox to go back to
  local record = record_of(id) and redis.call('ZREM', P .. 'dead', id) == 1 and record_of(id)
  if record then
    for _, field in ipairs(AGAIN) do
      record[field] = nil
    end
    record.state, record.epoch = 'waiting', (record.epoch or 0) + 1
    changed[id] = true
    redis.call('HDEL', P .. 'error', id)
    count_of(record, 'requeued')
    join_mailbox(id, record.box, limit, now)
    requeued = requeued + 1
  end
end
flush(now)
return requeued
