-- uses: time clock record
-- Deletes dead letters, as if they had been kept for long enough.
--
-- KEYS[1]  namespace prefix
-- ARGV     id…
-- Returns  how many were deleted
local now = clock()
local discarded = 0
for _, id in ipairs(ARGV) do
  if redis.call('ZREM', P .. 'dead', id) == 1 then
    forget(id)
    discarded = discarded + 1
  end
end
if discarded > 0 then
  count('pruned_dead', discarded)
end
flush(now)
return discarded
