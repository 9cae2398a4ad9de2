-- uses:
-- Takes a lease, renews it, or gives it back: what is there only once is done by its holder.
--
-- KEYS[1]  namespace prefix
-- ARGV     lease, holder, ms for which it is held without renewal | 0: give it back
-- Returns  1: it is the holder's now (or was, if given back); 0: it is another's
local key, holder, ttl = P .. 'lease:' .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local held_by = redis.call('GET', key)
if held_by and held_by ~= holder then
  return 0
end
if ttl > 0 then
  redis.call('SET', key, holder, 'PX', ttl)
else
  redis.call('DEL', key)
end
return (held_by or ttl > 0) and 1 or 0
