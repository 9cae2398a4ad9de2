-- uses: time clock
-- Writes down that an operator changed something, or who came, went, guessed or talked.
--
-- KEYS[1]  namespace prefix
-- ARGV     what was done (JSON, without its instant); 1: it changed nothing
-- Returns  1
--
-- {ns}:audit   list  lines of JSON, the last KEPT
-- {ns}:visits  list  the same of what changed nothing: however much comes there, no change is pushed out
local KEPT = 1000
local what, is_visit = ARGV[1], ARGV[2] == '1'
local log = P .. (is_visit and 'visits' or 'audit')
redis.call('RPUSH', log, string.format('{"at":%.0f,', clock()) .. string.sub(what, 2))
redis.call('LTRIM', log, -KEPT, -1)
return 1
