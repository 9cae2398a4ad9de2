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

local function complete(id, record, keep, now)
  leave(id, record)
  count_of(record, 'done')
  if keep > 0 then
    record.state, record.ended, record.token, record.due = 'done', now, nil, nil
    if record.on_dead then
      redis.call('HDEL', P .. 'on_dead', id)
      record.on_dead = nil
    end
    changed[id] = true
    redis.call('ZADD', P .. 'done', now, id)
    trim('done', keep)
  else
    forget(id)
  end
end

local function keep_error(id, record, error, trace)
  redis.call('HSET', P .. 'error', id, cmsgpack.pack({ error, trace }))
  record.error = 1
end

-- Reads what was prepared at publish, or raises or returns nothing for what is no publication (see read_record).
local function read_prepared(packed)
  local p = cmsgpack.unpack(packed)
  if p.id >= '' and p.box >= '' and p.queue >= '' and p.band >= '' and p.body >= '' and p.dedup >= '' and p.on_full >= ''
    and p.actor >= '' and p.cost >= 0 and p.cost < 1e10 and p.delay >= 0 and p.hold >= 0 and p.dedup_ttl >= 0
    and p.expires >= 0 and p.backlog >= 0 and (p.max_stalls or 0) >= 0 and p.delay + p.hold + p.dedup_ttl + p.expires < 1e15 then
    return p
  end
end

-- Gives a message up. `told` says that the worker's own apology goes with it; else the one prepared at publish does.
local function bury(id, record, error, trace, told, keep, limit, now)
  leave(id, record)
  count_of(record, 'died')
  -- read before the history is trimmed, which may take this very message
  local prepared = record.on_dead and not told and redis.call('HGET', P .. 'on_dead', id)
  record.state, record.ended, record.token, record.due = 'dead', now, nil, nil
  changed[id] = true
  keep_error(id, record, error, trace)
  redis.call('ZADD', P .. 'dead', now, id)
  trim('dead', keep)
  if prepared then
    local is_read, apology = pcall(read_prepared, prepared)
    if is_read and apology then
      if record.epoch then
        apology.id = apology.id .. '-' .. record.epoch
      end
      publish(apology, limit, now, true)
    end
  end
end
