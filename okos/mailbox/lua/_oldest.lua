-- What an operator looks at first: how long the one has waited that has waited longest.
local HEADS = 16

-- The queues that live worker processes serve, and those that are asked for.
local function watched(asked)
  local queues, known = {}, {}
  local function add(queue)
    if not known[queue] then
      known[queue] = true
      queues[#queues + 1] = queue
    end
  end
  for _, proc in ipairs(redis.call('ZREVRANGE', P .. 'procs', 0, 63)) do
    local said = redis.call('HGET', P .. 'proc:' .. proc, 'self')
    local is_read, it = pcall(cjson.decode, said or '')
    if is_read and type(it) == 'table' and type(it.queues) == 'table' then
      for _, queue in ipairs(it.queues) do
        add(tostring(queue))
      end
    end
  end
  for _, queue in ipairs(asked) do
    add(queue)
  end
  return queues
end

-- How long the oldest message has waited that may start now and has not, or -1: of the HEADS mailboxes that have been
-- in each ring for longest, so bounded, and exact unless an older one waits behind so many.
local function oldest_wait(asked, now)
  local oldest = -1
  for _, queue in ipairs(watched(asked)) do
    for band = 0, 2 do
      local ring = redis.call('ZRANGE', P .. 'ready:' .. queue .. ':' .. band, 0, HEADS - 1, 'WITHSCORES')
      for i = 1, #ring, 2 do
        local id = redis.call('LINDEX', P .. 'box:' .. ring[i], 0)
        local record = id and record_of(id)
        if record and record.state ~= 'running' then
          -- one that was delayed has waited since it joined its mailbox, or a little less
          local joined = tonumber(ring[i + 1])
          joined = joined < 0 and joined - FRONT or joined
          local since = record.seq and joined or math.max(record.at, record.due or 0)
          oldest = math.max(oldest, math.floor(now - since))
        end
      end
    end
  end
  return oldest
end
