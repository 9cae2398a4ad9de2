-- uses: time clock record oldest
-- Writes the history: what was added since the last sample, and the peaks of what stands, into the current slot of each
-- ring. A slot is overwritten when its ring has come round, so the history never takes more than its rings.
--
-- KEYS[1]  namespace prefix
-- ARGV     the server's memory (bytes) | '', its CPU since it started (ms) | '', number of measures to keep, measure…,
--          queue… to be looked at beside those that workers serve
-- Returns  1
--
-- {ns}:history:{step}  hash    slot of the ring -> JSON: at (ms), sum and peak, and the instants (ms) from and to which
--                              they were sampled; step in seconds
-- {ns}:sampled         string  JSON: at (ms), and the totals then, from which the next sample takes the difference
local RINGS = { { 60, 60 }, { 600, 144 }, { 3600, 168 } }
local COUNTS = { 'accepted', 'done', 'died', 'cancelled', 'requeued', 'retried', 'stalled' }
local memory, cpu, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local now = clock()
local fields = {}
for i = 1, kept do
  fields[i] = ARGV[3 + i]
end
local queues = {}
for i = 4 + kept, #ARGV do
  queues[#queues + 1] = ARGV[i]
end

local totals = { cpu_ms = cpu }
local counts = redis.call('HMGET', P .. 'counts', unpack(COUNTS))
for i, name in ipairs(COUNTS) do
  totals[name] = tonumber(counts[i])
end
if kept > 0 then
  for i, value in ipairs(redis.call('HMGET', P .. 'measures', unpack(fields))) do
    totals[fields[i]] = tonumber(value)
  end
end

local before = redis.call('GET', P .. 'sampled')
local added, from = {}, now
if before then
  before = cjson.decode(before)
  from = before.at
  for name, total in pairs(totals) do
    local last = before.totals[name] or 0
    -- what is less than it was has begun anew: the server was restarted
    local by = total >= last and total - last or total
    if by > 0 then
      added[name] = by
    end
  end
end
redis.call('SET', P .. 'sampled', cjson.encode({ at = now, totals = totals }))

local running = redis.call('ZCARD', P .. 'leases')
local ended = (totals.done or 0) + (totals.died or 0) + (totals.cancelled or 0)
local stands = {
  running = running,
  waiting = math.max(0, (totals.accepted or 0) + (totals.requeued or 0) - ended - running),
  limited = redis.call('ZCARD', P .. 'timed'),
  dead = redis.call('ZCARD', P .. 'dead'),
  oldest_wait_ms = math.max(0, oldest_wait(queues, now)),
  memory_bytes = memory,
}

for _, ring in ipairs(RINGS) do
  local key, step = P .. 'history:' .. ring[1], ring[1] * 1000
  local slot = math.floor(now / step)
  local here = redis.call('HGET', key, slot % ring[2])
  here = here and cjson.decode(here)
  if not here or here.at ~= slot * step then
    here = { at = slot * step, from = from, sum = {}, peak = {} }
  end
  here.to = now
  for name, by in pairs(added) do
    here.sum[name] = (here.sum[name] or 0) + by
  end
  for name, value in pairs(stands) do
    here.peak[name] = math.max(here.peak[name] or 0, value)
  end
  redis.call('HSET', key, slot % ring[2], cjson.encode(here))
end
return 1
