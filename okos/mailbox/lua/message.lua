-- uses: time clock record alias
-- Shows one message: where it is, and what has become of it so far.
--
-- KEYS[1]  namespace prefix
-- ARGV     id
-- Returns  {} if nothing is known of it; {now, ''} if it ended lately and nothing of it is kept; or
--          {now, the record (JSON), body, error, traceback, its lease (ms) | '', position in its mailbox | '',
--           expires (ms) | '', attempts that did not end well (lines of JSON), its id}
local now = clock()
local id = accepted(ARGV[1])
local lines = redis.call('HGET', P .. 'attempts', id) or ''
local record = record_of(id)
if not record then
  return was_seen(id, now) and { now, '', '', '', '', '', '', '', lines, id } or {}
end
local failure = failure_of(id)
-- of a long mailbox only the beginning is looked through
local position = redis.call('LPOS', P .. 'box:' .. record.box, id, 'MAXLEN', 10000) or ''
return {
  now, cjson.encode(record), redis.call('HGET', P .. 'body', id) or '', failure[1], failure[2],
  redis.call('ZSCORE', P .. 'leases', id) or '', position, redis.call('ZSCORE', P .. 'expiry', id) or '', lines,
  id,
}
