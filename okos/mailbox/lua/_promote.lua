-- Brings back what was waiting for an instant that has come; a bounded number, the rest at the next call.
local PROMOTE = 64

local function promote(limit, now)
  local due = redis.call('ZRANGEBYSCORE', P .. 'delayed', '-inf', now, 'LIMIT', 0, PROMOTE)
  for _, member in ipairs(due) do
    local id = string.sub(member, 17)
    redis.call('ZREM', P .. 'delayed', member)
    local box = redis.call('HGET', P .. 'msg:' .. id, 'box')
    if box then
      redis.call('HSET', P .. 'msg:' .. id, 'state', 'waiting')
      join_mailbox(id, box, limit, now)
    end
  end
  for _, box in ipairs(redis.call('ZRANGEBYSCORE', P .. 'timed', '-inf', now, 'LIMIT', 0, PROMOTE)) do
    redis.call('ZREM', P .. 'timed', box)
    reposition(box, limit, now)
  end
end

-- Milliseconds until the next delayed message or timed mailbox, or -1.
local function next_due(now)
  local soonest
  for _, key in ipairs({ 'delayed', 'timed' }) do
    local first = redis.call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')
    local due = first[2] and tonumber(first[2])
    if due and (not soonest or due < soonest) then
      soonest = due
    end
  end
  return soonest and math.max(0, soonest - now) or -1
end
