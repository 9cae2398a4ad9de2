-- Where a mailbox belongs, derived from its window alone and never counted:
--
--   the window is the first `jobs` ids of the mailbox's list; a message keeps its place from its first start to its end;
--   a strict one is in the window as the first alone, and nothing behind it is
--   idle    nothing in the list                                       stored nowhere
--   ready   something in the window may start now                     in a ring
--   timed   not before a known instant (backoff, hold, rate)          in `timed`, scored by that instant
--   full    everything in the window is running                       in neither; the next settle looks again
--   paused  an operator has stopped it                                in neither; resume looks again
--
-- A mailbox with startable work is always in the ring of that work, and one that waits for an instant always in `timed`
-- at that instant or earlier. The reverse may be stale (its mailbox was emptied or its head changed since): claim and
-- promote look again and trust neither, so that no transition has to take a mailbox out of where it no longer belongs.
--
-- {ns}:box:{mailbox}         list    ids in publish order
-- {ns}:ready:{queue}:{band}  zset    the ring: mailbox -> when it joined; band 0 high, 1 normal, 2 low, 3 housekeeping
-- {ns}:timed                 zset    mailbox -> instant (ms)
-- {ns}:bell:{queue}          list    one element when ready work may be unseen; expires, for a lost bell costs seconds only
-- {ns}:rate:{mailbox}        hash    level, at (ms): a bucket that leaks; expires once it would be empty
-- {ns}:rate                  hash    likewise, of all mailboxes together
-- {ns}:paused                set     the mailboxes that an operator has paused
-- {ns}:override              hash    mailbox -> the limits of its own: jobs, rate, burst (MessagePack); an operator's
local BELL_MS = 15000

local rung = {}

local function ring_bell(queue)
  if not rung[queue] then
    rung[queue] = true
    local bell = P .. 'bell:' .. queue
    if redis.call('LLEN', bell) == 0 then
      redis.call('LPUSH', bell, '1')
      redis.call('PEXPIRE', bell, BELL_MS)
    end
  end
end

local function read_own(packed)
  local own = cmsgpack.unpack(packed)
  if (own.jobs or 1) >= 1 and (own.jobs or 1) <= MOST_JOBS and (own.rate or 0) >= 0 and (own.burst or 1) >= 1 then
    return own
  end
end

-- The policy for one mailbox: its own limits where it has any.
local function limit_of(box, limit)
  local packed = limit.overriding and redis.call('HGET', P .. 'override', box)
  if not packed then
    return limit
  end
  local is_read, own = pcall(read_own, packed)
  if not is_read or not own then
    return limit
  end
  return {
    jobs = own.jobs or limit.jobs, rate = own.rate or limit.rate, burst = own.burst or limit.burst,
    pausing = limit.pausing, overriding = limit.overriding,
  }
end

-- When a start of this cost fits (level + min(cost, burst) <= burst), and the bucket's level now.
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

-- For how long (ms) a bucket is kept; of one that takes longer than this to leak the rest is forgiven.
local LONGEST_MS = 400 * 86400000

local function until_empty(level, rate)
  return math.min(math.ceil(level * 1000 / rate) + 1000, LONGEST_MS)
end

local function charge(box, cost, limit, now)
  local _, level = rate_due(box, 0, limit, now)
  level = math.max(0, level + cost)
  redis.call('HSET', P .. 'rate:' .. box, 'level', string.format('%.9g', level), 'at', now)
  redis.call('PEXPIRE', P .. 'rate:' .. box, until_empty(level, limit.rate))
end

-- The bucket of all mailboxes together.
local function level_of_all(limit, now)
  local kept = redis.call('HMGET', P .. 'rate', 'level', 'at')
  local leaked = (now - (tonumber(kept[2]) or now)) * limit.all_rate / 1000
  return math.max(0, (tonumber(kept[1]) or 0) - leaked)
end

local function keep_level_of_all(level, limit, now)
  redis.call('HSET', P .. 'rate', 'level', string.format('%.9g', level), 'at', now)
  redis.call('PEXPIRE', P .. 'rate', until_empty(level, limit.all_rate))
end

-- Takes out an id that cannot be run, rather than hold its mailbox for ever. One whose record is there and cannot be read
-- is a dead letter: somebody wrote to the server by hand, or its memory is damaged, and an operator should know.
local function drop(id, box, now)
  redis.call('LREM', P .. 'box:' .. box, 1, id)
  if not forgotten[id] and redis.call('HEXISTS', P .. 'msg', id) == 1 then
    local error = 'its record cannot be read; it was in mailbox ' .. box
    redis.call('HSET', P .. 'error', id, cmsgpack.pack({ error, '' }))
    redis.call('ZADD', P .. 'dead', now, id)
    redis.call('HINCRBY', P .. 'counts', 'died', 1)
    redis.log(redis.LOG_WARNING, 'okos: message ' .. id .. ': ' .. error)
  end
end

-- Says that a mailbox cannot be looked at: it is left out, so that it stops no other.
local function leave_out(box, error)
  redis.log(redis.LOG_WARNING, 'okos: mailbox ' .. box .. ' is left out, as it cannot be read: '
    .. tostring(type(error) == 'table' and error.err or error))
end

-- What the window says: 'ready', id, record, due of what waits before it or nil | 'timed', due | 'full' | 'idle' |
-- 'paused'. `limit` is the mailbox's.
local function look(box, limit, now)
  if limit.pausing and redis.call('SISMEMBER', P .. 'paused', box) == 1 then
    return 'paused'
  end
  local list = P .. 'box:' .. box
  local ids
  if limit.jobs == 1 then
    ids = { redis.call('LINDEX', list, 0) or nil }
  else
    ids = redis.call('LRANGE', list, 0, limit.jobs - 1)
  end
  if #ids == 0 then
    return 'idle'
  end
  local soonest, passed_unstarted
  for place, id in ipairs(ids) do
    local record = record_of(id)
    if not record then
      drop(id, box, now)
      return look(box, limit, now)
    end
    if record.strict and place > 1 then
      break
    end
    local state = record.state
    if state ~= 'running' then
      local started = state == 'backoff'
      if started or not passed_unstarted then
        local due = record.due or 0
        if limit.rate > 0 and not record.charged and record.band ~= ASIDE then
          due = math.max(due, (rate_due(box, record.cost or 1, limit, now)))
        end
        if due <= now then
          return 'ready', id, record, soonest
        end
        if not soonest or due < soonest then
          soonest = due
        end
      end
      if not started then
        passed_unstarted = true
      end
    end
    if record.strict then
      break
    end
  end
  if soonest then
    return 'timed', soonest
  end
  return 'full'
end

-- Puts a mailbox where it belongs now, at the tail of its ring or at the front.
local function reposition(box, limit, now, front)
  limit = limit_of(box, limit)
  local what, which, record, due = look(box, limit, now)
  if what == 'ready' then
    enring(box, record.queue, record.band or '1', now, front)
    ring_bell(record.queue)
  elseif what == 'timed' then
    due = which
  end
  if due then
    -- also beside a ready one: what waits may be for another queue
    local first = redis.call('ZRANGE', P .. 'timed', 0, 0, 'WITHSCORES')
    redis.call('ZADD', P .. 'timed', due, box)
    if not first[2] or due < tonumber(first[2]) then
      -- somebody idle must learn of the new earliest instant
      ring_bell(record_of(redis.call('LINDEX', P .. 'box:' .. box, 0)).queue)
    end
  end
end
