-- One clock for every transition: the server's time made monotonic, so that a failover to a host whose clock is
-- behind moves no lease and no backoff. Every script reads it, so `last` is also the last sign of anyone: a gap
-- longer than a third of the lease means that the server could not be reached, and then no lease expires until
-- everybody has had the time to come back and renew.
--
-- {ns}:clock  hash  last: newest instant handed out (ms, written at most every 50 ms), offset: added to the raw
--                   clock (ms), lease: the workers' lease (ms), grace: no lease expires before (ms). Kept for ever.
local SIGN_MS = 50

local function clock()
  local raw = raw_ms()
  local kept = redis.call('HMGET', P .. 'clock', 'last', 'offset', 'lease')
  local last, lease = tonumber(kept[1]), tonumber(kept[3])
  local now = raw + (tonumber(kept[2]) or 0)
  if not last then
    redis.call('HSET', P .. 'clock', 'last', now)
    return now
  end
  if now < last then
    redis.call('HSET', P .. 'clock', 'offset', last - raw)
    return last
  end
  if lease and now - last > lease / 3 then
    local grace = 2 * lease / 3 + math.min(3500, lease / 3)
    redis.call('HSET', P .. 'clock', 'last', now, 'grace', math.floor(now + grace))
  elseif now - last >= SIGN_MS then
    redis.call('HSET', P .. 'clock', 'last', now)
  end
  return now
end
