-- Brings back what was waiting for an instant that has come; a bounded number, the rest at the next call.
local PROMOTE = 64
-- A message whose mailbox cannot be read is tried again after this time.
local UNREADABLE_MS = 60000

-- The members of a timer that are due, and ms until its next one or nil.
local function due_of(timer, now)
  local first = redis.call('ZRANGE', P .. timer, 0, 0, 'WITHSCORES')
  if not first[2] then
    return {}
  end
  local due = tonumber(first[2])
  if due > now then
    return {}, due - now
  end
  return redis.call('ZRANGEBYSCORE', P .. timer, '-inf', now, 'LIMIT', 0, PROMOTE), 0
end

local function soonest(timer, now)
  local first = redis.call('ZRANGE', P .. timer, 0, 0, 'WITHSCORES')
  return first[2] and math.max(0, tonumber(first[2]) - now) or nil
end

-- Lets a message into its mailbox whose time has come.
local function admit(id, record, limit, now)
  record.state = 'waiting'
  if record.latest then
    supersede(record.box, limit, 'superseded', now)
    record.latest = nil
  end
  changed[id] = true
  join_mailbox(id, record.box, limit, now)
end

-- Returns ms until the next delayed message or timed mailbox, or -1.
local function promote(limit, now)
  local delayed, next_delayed = due_of('delayed', now)
  for _, member in ipairs(delayed) do
    local id = string.sub(member, 17)
    redis.call('ZREM', P .. 'delayed', member)
    local record = record_of(id)
    if record then
      local is_read, error = pcall(admit, id, record, limit, now)
      if not is_read then
        leave_out(record.box, error)
        record.state = 'delayed'
        redis.call('ZADD', P .. 'delayed', now + UNREADABLE_MS, member)
      end
    end
  end
  local timed, next_timed = due_of('timed', now)
  for _, box in ipairs(timed) do
    redis.call('ZREM', P .. 'timed', box)
    local is_read, error = pcall(reposition, box, limit, now)
    if not is_read then
      leave_out(box, error)
    end
  end
  if #delayed > 0 then
    next_delayed = soonest('delayed', now)
  end
  if #timed > 0 or #delayed > 0 then
    next_timed = soonest('timed', now)
  end
  if next_delayed and next_timed then
    return math.min(next_delayed, next_timed)
  end
  return next_delayed or next_timed or -1
end
