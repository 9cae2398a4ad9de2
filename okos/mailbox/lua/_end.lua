-- Taking a message out. Every end goes through `leave`: the id leaves its mailbox, its lease and its timers, and is
-- remembered for a minute as seen, so that a late repeat is not a second message.
--
-- {ns}:leases      zset    id -> instant (ms) at which the running attempt is taken for dead unless it renews
-- {ns}:trash       list    names of mailbox lists that were cancelled whole; sweep deletes what they held, in pieces
-- {ns}:trash:{n}   list    one of them
-- {ns}:cancels     channel the id of each running message that was flagged to be cancelled
local SEEN_MS = 60000

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

local function leave(id, box, expires)
  redis.call('LREM', P .. 'box:' .. box, 1, id)
  unlease(id)
  if expires then
    redis.call('ZREM', P .. 'expiry', id)
  end
end

-- Cancels a message that is not running; the caller puts its mailbox where it then belongs.
local function cancel_waiting(id, box, expires)
  leave(id, box, expires)
  count('cancelled')
  forget(id)
end

-- Flags a running message: whatever its attempt comes to, it ends as cancelled, and soon.
local FLAGGED_MS = 5000

local function flag(id, reason, now)
  redis.call('HSET', P .. 'msg:' .. id, 'cancel', reason)
  local lease = tonumber(redis.call('ZSCORE', P .. 'leases', id))
  if lease and lease > now + FLAGGED_MS then
    redis.call('ZADD', P .. 'leases', now + FLAGGED_MS, id)
  end
  redis.call('PUBLISH', P .. 'cancels', id)
end

-- Cancels all of a mailbox in one bounded step: what runs is flagged and keeps its place, the rest is put away to be
-- deleted later. Returns how many were put away and how many were flagged.
local function supersede(box, limit, reason, now)
  local list = P .. 'box:' .. box
  local length = redis.call('LLEN', list)
  if length == 0 then
    return 0, 0
  end
  -- what runs may be beyond the window, if the window was wider when it started
  local running = {}
  for _, id in ipairs(redis.call('LRANGE', list, 0, math.max(limit_of(box, limit).jobs, limit.most_jobs) - 1)) do
    if redis.call('HGET', P .. 'msg:' .. id, 'state') == 'running' then
      running[#running + 1] = id
      flag(id, reason, now)
    end
  end
  if length > #running then
    local name = P .. 'trash:' .. redis.call('HINCRBY', P .. 'counts', 'seq', 1)
    redis.call('RENAME', list, name)
    for _, id in ipairs(running) do
      redis.call('LREM', name, 1, id)
      redis.call('RPUSH', list, id)
    end
    redis.call('RPUSH', P .. 'trash', name)
    count('cancelled', length - #running)
  end
  return length - #running, #running
end
