-- uses: time clock record place end publish finish prune
-- Deletes completed messages and dead letters that are older than they are kept for; a bounded number a call.
--
-- KEYS[1]  namespace prefix
-- ARGV     age of done (ms), age of dead (ms), most of each
-- Returns  {done removed, dead removed}
local now = clock()
local removed = {
  age_out('done', tonumber(ARGV[1]), tonumber(ARGV[3]), now),
  age_out('dead', tonumber(ARGV[2]), tonumber(ARGV[3]), now),
}
flush(now)
return removed
