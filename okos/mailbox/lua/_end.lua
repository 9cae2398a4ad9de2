-- Taking a message out. Every end goes through `leave`: the id leaves its mailbox, its lease and its timers.
--
-- {ns}:trash       list    names of mailbox lists that were cancelled whole; sweep deletes what they held, in pieces
-- {ns}:trash:{n}   list    one of them
-- {ns}:cancels     channel the id of each running message that was flagged to be cancelled

-- `is_out`: it has left its mailbox, or was never in it; looking for it would be to walk through all of it.
local function leave(id, record, is_out)
  if not is_out then
    redis.call('LREM', P .. 'box:' .. record.box, 1, id)
  end
  unlease(id)
  if record.expires then
    redis.call('ZREM', P .. 'expiry', id)
  end
end

-- Cancels a message that is not running; the caller puts its mailbox where it then belongs.
local function cancel_waiting(id, record, is_out)
  leave(id, record, is_out)
  count_of(record, 'cancelled')
  forget(id)
end

-- Flags a running message: whatever its attempt comes to, it ends as cancelled, and soon.
local FLAGGED_MS = 5000

local function flag(id, reason, now)
  record_of(id).cancel = reason
  changed[id] = true
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
  local first = redis.call('LINDEX', list, 0)
  -- what runs may be beyond the window, if the window was wider when it started
  local running = {}
  for _, id in ipairs(redis.call('LRANGE', list, 0, math.max(limit_of(box, limit).jobs, limit.most_jobs) - 1)) do
    local record = record_of(id)
    if record and record.state == 'running' then
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
    -- a mailbox holds either housekeeping or none
    count_of(record_of(first) or {}, 'cancelled', length - #running)
  end
  return length - #running, #running
end
