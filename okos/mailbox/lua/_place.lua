-- Where a mailbox belongs, derived from its window alone and never counted:
--
--   the window is the first `jobs` ids of the mailbox's list; a message keeps its place from its first start to its end
--   idle    nothing in the list                                       stored nowhere
--   ready   something in the window may start now                     in exactly one ring, and in `inring`
--   timed   not before a known instant (backoff, hold, rate)          in `timed`, scored by that instant
--   full    everything in the window is running                       in neither; the next settle looks again
--
-- A ring may be stale (its mailbox was emptied or its head changed since): claim looks again and never trusts it.
--
-- {ns}:box:{mailbox}         list    ids in publish order
-- {ns}:msg:{id}              hash    the record: body, box, queue, band, cost, state, due, token, attempts, …
-- {ns}:ready:{queue}:{band}  list    the ring: mailboxes, the next to be served first; band 0 high, 1 normal, 2 low
-- {ns}:inring                set     the mailboxes that are in some ring
-- {ns}:timed                 zset    mailbox -> instant (ms)
-- {ns}:bell:{queue}          list    one element when ready work may be unseen; expires, for a lost bell costs seconds only
-- {ns}:limits                hash    jobs, rate (starts per second), burst: the policy in force
-- {ns}:rate:{mailbox}        hash    level, at (ms): a bucket that leaks; expires once it would be empty
local BELL_MS = 15000

local function limits()
  local kept = redis.call('HMGET', P .. 'limits', 'jobs', 'rate', 'burst')
  return {
    jobs = tonumber(kept[1]) or 1,
    rate = tonumber(kept[2]) or 0,
    burst = tonumber(kept[3]) or 1,
  }
end

local function ring_bell(queue)
  local bell = P .. 'bell:' .. queue
  if redis.call('LLEN', bell) == 0 then
    redis.call('LPUSH', bell, '1')
    redis.call('PEXPIRE', bell, BELL_MS)
  end
end

-- The bucket's level now, and when a start of this cost fits: level + min(cost, burst) <= burst.
local function rate_due(box, cost, limit, now)
  local kept = redis.call('HMGET', P .. 'rate:' .. box, 'level', 'at')
  local level = tonumber(kept[1]) or 0
  if level <= 0 then
    return now, 0
  end
  level = math.max(0, level - (now - tonumber(kept[2])) * limit.rate / 1000)
  local over = level + math.min(cost, limit.burst) - limit.burst
  if over <= 1e-9 then
    return now, level
  end
  return now + math.ceil(over * 1000 / limit.rate), level
end

local function charge(box, cost, limit, now)
  local _, level = rate_due(box, 0, limit, now)
  level = math.max(0, level + cost)
  redis.call('HSET', P .. 'rate:' .. box, 'level', level, 'at', now)
  redis.call('PEXPIRE', P .. 'rate:' .. box, math.ceil(level * 1000 / limit.rate) + 1000)
end

-- What the window says: 'ready', id, record | 'timed', due | 'full' | 'idle'.
local function look(box, limit, now)
  local list = P .. 'box:' .. box
  local ids = redis.call('LRANGE', list, 0, limit.jobs - 1)
  if #ids == 0 then
    return 'idle'
  end
  local soonest, passed_unstarted
  for _, id in ipairs(ids) do
    local kept = redis.call('HMGET', P .. 'msg:' .. id, 'state', 'due', 'queue', 'band', 'cost', 'charged', 'stalls')
    local state = kept[1]
    if not state then
      -- a record without its message cannot be run: drop the id rather than hold the mailbox for ever
      redis.call('LREM', list, 1, id)
      return look(box, limit, now)
    end
    if state ~= 'running' then
      local started = state == 'backoff'
      if started or not passed_unstarted then
        local due = tonumber(kept[2]) or 0
        local cost = tonumber(kept[5]) or 1
        if limit.rate > 0 and not kept[6] then
          due = math.max(due, (rate_due(box, cost, limit, now)))
        end
        if due <= now then
          return 'ready', id, { queue = kept[3], band = kept[4] or '1', cost = cost, charged = kept[6], stalls = tonumber(kept[7]) or 0 }
        end
        if not soonest or due < soonest then
          soonest = due
        end
      end
      if not started then
        passed_unstarted = true
      end
    end
  end
  if soonest then
    return 'timed', soonest
  end
  return 'full'
end

local function enring(box, queue, band, front)
  redis.call('SADD', P .. 'inring', box)
  redis.call(front and 'LPUSH' or 'RPUSH', P .. 'ready:' .. queue .. ':' .. band, box)
end

-- Puts a mailbox where it belongs. One that is in a ring stays: claim will look at it.
local function reposition(box, limit, now, front)
  if redis.call('SISMEMBER', P .. 'inring', box) == 1 then
    return
  end
  local what, which, record = look(box, limit, now)
  if what == 'timed' then
    local first = redis.call('ZRANGE', P .. 'timed', 0, 0, 'WITHSCORES')
    redis.call('ZADD', P .. 'timed', which, box)
    if not first[2] or which < tonumber(first[2]) then
      -- somebody idle must learn of the new earliest instant
      local id = redis.call('LINDEX', P .. 'box:' .. box, 0)
      ring_bell(redis.call('HGET', P .. 'msg:' .. id, 'queue'))
    end
    return
  end
  redis.call('ZREM', P .. 'timed', box)
  if what == 'ready' then
    enring(box, record.queue, record.band, front)
    ring_bell(record.queue)
  end
end
