-- How a message ends. Every end goes through here: the id leaves its mailbox, its lease and its timers, is remembered
-- for a minute as seen, and the mailbox is put where it now belongs.
--
-- {ns}:leases  zset  id -> instant (ms) at which the running attempt is taken for dead unless it renews
-- {ns}:done    zset  id -> when (ms): completed messages that are kept; trimmed by count at each end, by age in prune
-- {ns}:dead    zset  id -> when (ms): dead letters; trimmed likewise
-- {ns}:store:s:{name}, {ns}:store:l:{name}   what handlers keep (strings and lists), always with a TTL
local SEEN_MS = 60000
local TRIM = 3

-- What a call does to many messages is written once, by `flush`, which every transition that ends messages calls last.
local counted, gone, unleased = {}, {}, {}

local function count(field, by)
  counted[field] = (counted[field] or 0) + (by or 1)
end

local function forget(id)
  gone[#gone + 1] = P .. 'msg:' .. id
  redis.call('SET', P .. 'seen:' .. id, '', 'PX', SEEN_MS)
end

local function unlease(id)
  unleased[#unleased + 1] = id
end

local function in_chunks(list, call)
  for start = 1, #list, 1000 do
    call(unpack(list, start, math.min(start + 999, #list)))
  end
end

local function flush()
  for field, by in pairs(counted) do
    redis.call('HINCRBY', P .. 'counts', field, by)
  end
  in_chunks(gone, function(...) redis.call('DEL', ...) end)
  in_chunks(unleased, function(...) redis.call('ZREM', P .. 'leases', ...) end)
end

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

local function leave(id, box, expires)
  redis.call('LREM', P .. 'box:' .. box, 1, id)
  unlease(id)
  if expires then
    redis.call('ZREM', P .. 'expiry', id)
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
  redis.call('HDEL', key, 'token', 'due', 'on_dead')
  redis.call('ZADD', P .. 'dead', now, id)
  trim('dead', keep)
  if prepared and not told then
    publish(cmsgpack.unpack(prepared), limit, now, true)
  end
end

local function cancel_waiting(id, box, expires)
  leave(id, box, expires)
  count('cancelled')
  forget(id)
end
