-- The id of the message that an id stands for: its own, or that of the message which it was merged into.
local function accepted(id)
  return record_of(id) and id or redis.call('GET', P .. 'alias:' .. id) or id
end
