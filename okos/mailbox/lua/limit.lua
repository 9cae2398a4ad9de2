-- uses: time clock record place
-- Writes limits that every transition reads from its next call on: everybody's, or one mailbox's own.
--
-- KEYS[1]  namespace prefix
-- ARGV     mailbox or '' for everybody, jobs, rate, burst ('' leaves it: for a mailbox, as everybody's), and for everybody:
--          all_rate, all_burst
-- Returns  1
local now, limit = clock()
local box = ARGV[1]
if ARGV[2] ~= '' and tonumber(ARGV[2]) > limit.most_jobs then
  redis.call('HSET', P .. 'engine', 'most_jobs', ARGV[2])
end
if box == '' then
  if not redis.call('HGET', P .. 'engine', 'schema') then
    -- stored before there was a number
    redis.call('HSET', P .. 'engine', 'schema', SCHEMA)
  end
  local changed, wider = false, tonumber(ARGV[2]) and tonumber(ARGV[2]) > limit.jobs
  for i, field in ipairs({ 'jobs', 'rate', 'burst', 'all_rate', 'all_burst' }) do
    if ARGV[i + 1] ~= '' and redis.call('HGET', P .. 'engine', field) ~= ARGV[i + 1] then
      redis.call('HSET', P .. 'engine', field, ARGV[i + 1])
      changed = true
    end
  end
  if changed and redis.call('EXISTS', P .. 'timed') == 1 then
    -- they may be due earlier now: promote looks at each again
    redis.call('ZUNIONSTORE', P .. 'timed', 1, P .. 'timed', 'WEIGHTS', 0)
  end
  if wider then
    -- where all of the window ran there may be room now; promote looks at each
    local boxes = {}
    for _, id in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
      local record = record_of(id)
      if record then
        boxes[#boxes + 1], boxes[#boxes + 2] = now, record.box
      end
    end
    in_chunks(boxes, function(...) redis.call('ZADD', P .. 'timed', 'NX', ...) end)
  end
  return 1
end
local own = { jobs = tonumber(ARGV[2]), rate = tonumber(ARGV[3]), burst = tonumber(ARGV[4]) }
if next(own) then
  redis.call('HSET', P .. 'override', box, cmsgpack.pack(own))
  redis.call('HSET', P .. 'engine', 'overriding', 1)
else
  redis.call('HDEL', P .. 'override', box)
  if redis.call('EXISTS', P .. 'override') == 0 then
    redis.call('HDEL', P .. 'engine', 'overriding')
  end
end
limit.overriding = 1
reposition(box, limit, now)
flush(now)
return 1
