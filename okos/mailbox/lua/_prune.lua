-- Removes what a history has kept for long enough; returns how many.
local function age_out(history, age, most, now)
  local old = redis.call('ZRANGEBYSCORE', P .. history, '-inf', now - age, 'LIMIT', 0, most)
  for _, id in ipairs(old) do
    redis.call('ZREM', P .. history, id)
    forget(id)
  end
  if #old > 0 then
    count('pruned_' .. history, #old)
  end
  return #old
end
