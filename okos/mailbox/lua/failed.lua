-- uses: time clock record
-- Shows a page of dead letters, the newest first.
--
-- KEYS[1]  namespace prefix
-- ARGV     newest, oldest: scores as ZREVRANGEBYSCORE takes them; how many to skip; how many to show
-- Returns  {{id, mailbox, queue, body, error, traceback, attempts, retries, stalls, when it ended (ms)} …}
local items = {}
for i, id in ipairs(redis.call('ZREVRANGEBYSCORE', P .. 'dead', ARGV[1], ARGV[2], 'LIMIT', ARGV[3], ARGV[4])) do
  -- of one whose record cannot be read the error says where it was
  local record = record_of(id) or {}
  local failure = failure_of(id)
  items[i] = {
    id, record.box or '', record.queue or '', redis.call('HGET', P .. 'body', id) or '', failure[1], failure[2],
    record.attempts or 0, record.retries or 0, record.stalls or 0,
    record.ended or tonumber(redis.call('ZSCORE', P .. 'dead', id)),
  }
end
return items
