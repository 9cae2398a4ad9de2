-- uses: time clock record
-- Shows a page of dead letters, the newest first.
--
-- KEYS[1]  namespace prefix
-- ARGV     newest, oldest: scores as ZREVRANGEBYSCORE takes them; how many to skip; how many to show
-- Returns  {{id, mailbox, queue, body, error, traceback, attempts, retries, stalls, when it ended (ms)} …}
local items = {}
for i, id in ipairs(redis.call('ZREVRANGEBYSCORE', P .. 'dead', ARGV[1], ARGV[2], 'LIMIT', ARGV[3], ARGV[4])) do
  local record = record_of(id)
  local failure = redis.call('HGET', P .. 'error', id)
  failure = failure and cmsgpack.unpack(failure) or { '', '' }
  items[i] = {
    id, record.box, record.queue, redis.call('HGET', P .. 'body', id), failure[1], failure[2], record.attempts or 0,
    record.retries or 0, record.stalls or 0, record.ended,
  }
end
return items
