-- uses: time clock
-- Adds what one process measured since its last call. Repeated with the same sequence (the reply was lost) it adds
-- nothing.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, sequence, number of fields, then field, by for each; then for each attempt that did not end well:
--          id, how long ago (ms), what became of it (JSON, without its instant)
-- Returns  1: added; 0: it had been
--
-- {ns}:measures   hash  kind|part|actor -> count; at most FIELDS of them, kept for ever
-- {ns}:attempts   hash  id -> the last LINES attempts of a message that did not end well, as lines of JSON
-- {ns}:attempted  zset  id -> instant (ms) of the last one; the oldest beyond MESSAGES are forgotten
local proc, seq, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
local FIELDS, MESSAGES, LINES = 4096, 1000, 12

if redis.call('HGET', P .. 'proc:' .. proc, 'measured') == seq then
  return 0
end
local now = clock()
local measures, attempts, attempted = P .. 'measures', P .. 'attempts', P .. 'attempted'
local is_full = redis.call('HLEN', measures) + n > FIELDS
for i = 4, 3 + 2 * n, 2 do
  if not is_full or redis.call('HEXISTS', measures, ARGV[i]) == 1 then
    redis.call('HINCRBY', measures, ARGV[i], ARGV[i + 1])
  end
end
for i = 4 + 2 * n, #ARGV, 3 do
  local id = ARGV[i]
  local lines = {}
  for line in string.gmatch(redis.call('HGET', attempts, id) or '', '[^\n]+') do
    lines[#lines + 1] = line
  end
  lines[#lines + 1] = string.format('{"at":%.0f,', now - ARGV[i + 1]) .. string.sub(ARGV[i + 2], 2)
  redis.call('HSET', attempts, id, table.concat(lines, '\n', math.max(1, #lines - LINES + 1)))
  redis.call('ZADD', attempted, now, id)
end
local over = redis.call('ZCARD', attempted) - MESSAGES
if over > 0 then
  local oldest = redis.call('ZPOPMIN', attempted, over)
  for i = 1, #oldest, 2 do
    redis.call('HDEL', attempts, oldest[i])
  end
end
redis.call('HSET', P .. 'proc:' .. proc, 'measured', seq)
redis.call('PEXPIRE', P .. 'proc:' .. proc, 600000, 'NX')
return 1
