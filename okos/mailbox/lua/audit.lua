-- uses: time clock
-- Writes down that an operator changed something.
--
-- KEYS[1]  namespace prefix
-- ARGV     what was done (JSON, without its instant)
-- Returns  1
--
-- {ns}:audit  list  lines of JSON, the last KEPT
local KEPT = 1000
redis.call('RPUSH', P .. 'audit', string.format('{"at":%.0f,', clock()) .. string.sub(ARGV[1], 2))
redis.call('LTRIM', P .. 'audit', -KEPT, -1)
return 1
