-- uses: time clock record
-- Shows one message: where it is, and what has become of it so far.
--
-- KEYS[1]  namespace prefix
-- ARGV     id
-- Returns  {} if nothing is known of it; {now, ''} if it ended lately and nothing of it is kept; or
--          {now, the record (JSON), body, error, traceback, its lease (ms) | '', position in its mailbox | '',
--           expires (ms) | '', attempts that did not end well (lines of JSON)}
local id = ARGV[1]
local now = clock()
local lines = redis.call('HGET', P .. 'attempts', id) or ''
local record = record_of(id)
if not record then
  return was_seen(id, now) and { now, '', '', '', '', '', '', '', lines } or {}
end
local failure = redis.call('HGET', P .. 'error', id)
failure = failure and cmsgpack.unpack(failure) or { '', '' }
-- of a long mailbox only the beginning is looked through
local position = redis.call('LPOS', P .. 'box:' .. record.box, id, 'MAXLEN', 10000) or ''
return {
  now, cjson.encode(record), redis.call('HGET', P .. 'body', id) or '', failure[1], failure[2],
  redis.call('ZSCORE', P .. 'leases', id) or '', position, redis.call('ZSCORE', P .. 'expiry', id) or '', lines,
}
