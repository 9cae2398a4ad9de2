-- uses: time clock record alias
-- Deletes messages that have ended, as if they had been kept for long enough.
--
-- KEYS[1]  namespace prefix
-- ARGV     what kept them: dead or done; id…
-- Returns  how many were deleted
local now = clock()
local history, discarded = ARGV[1], 0
for i = 2, #ARGV do
  local id = accepted(ARGV[i])
  if redis.call('ZREM', P .. history, id) == 1 then
    forget(id)
    discarded = discarded + 1
  end
end
if discarded > 0 then
  count('pruned_' .. history, discarded)
end
flush(now)
return discarded
