-- How a message ends by itself: completed, or given up.
--
-- {ns}:done    zset  id -> when (ms): completed messages that are kept; trimmed by count at each end, by age in prune
-- {ns}:dead    zset  id -> when (ms): dead letters; trimmed likewise
-- {ns}:store:s:{name}, {ns}:store:l:{name}   what handlers keep (strings and lists), always with a TTL
local TRIM = 3

-- Keeps at most `keep` of a history, removing a few at a time so that no call is long.
local function trim(history, keep)
  local over = redis.call('ZCARD', P .. history) - keep
  if over > 0 then
    local gone = redis.call('ZPOPMIN', P .. history, math.min(over, TRIM))
    for i = 1, #gone, 2 do
      forget(gone[i])
    end
    count('pruned_' .. history, #gone / 2)
  end
end

local function complete(id, box, expires, keep, now)
  leave(id, box, expires)
  count('done')
  if keep > 0 then
    redis.call('HSET', P .. 'msg:' .. id, 'state', 'done', 'ended', now)
    redis.call('HDEL', P .. 'msg:' .. id, 'token', 'due', 'on_dead')
    redis.call('ZADD', P .. 'done', now, id)
    trim('done', keep)
  else
    forget(id)
  end
end

-- Gives a message up. `told` says that the worker's own apology goes with it; else the one prepared at publish does.
local function bury(id, box, expires, error, trace, told, keep, limit, now)
  leave(id, box, expires)
  count('died')
  local key = P .. 'msg:' .. id
  local prepared = redis.call('HGET', key, 'on_dead')
  redis.call('HSET', key, 'state', 'dead', 'ended', now, 'error', error, 'trace', trace)
  redis.call('HDEL', key, 'token', 'due')
  redis.call('ZADD', P .. 'dead', now, id)
  trim('dead', keep)
  if prepared and not told then
    local apology = cmsgpack.unpack(prepared)
    local epoch = redis.call('HGET', key, 'epoch')
    if epoch then
      apology.id = apology.id .. '-' .. epoch
    end
    publish(apology, limit, now, true)
  end
end
