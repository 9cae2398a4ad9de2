-- One clock for every transition: the server's time made monotonic, so that a failover to a host whose clock is
-- behind moves no lease and no backoff. Every script reads it, so `last` is also the last sign of anyone: a gap
-- longer than a third of the lease means that the server could not be reached, and then no lease expires until
-- everybody has had the time to come back and renew.
--
-- {ns}:engine  hash  last: newest instant handed out (ms, written at most every 50 ms), offset: added to the raw clock
--                    (ms), lease: the workers' lease (ms), grace: no lease expires before (ms); jobs: the window of a
--                    mailbox, rate: starts per second and mailbox (0: no limit), burst: cost units; all_rate, all_burst:
--                    likewise for all mailboxes together; pausing, overriding: some mailbox is paused, has limits of its
--                    own; paused: all are; most_jobs: the widest window that ever
--                    was in force; schema: the form of what is stored (`schema.py`). Kept for ever.
local SIGN_MS = 50
local SCHEMA = 1
-- A window is never wider: what looks at one is bounded by it.
local MOST_JOBS = 10000

-- Returns the instant (ms) and the policy in force.
local function clock()
  local raw = raw_ms()
  local kept = redis.call('HMGET', P .. 'engine', 'last', 'offset', 'lease', 'grace', 'jobs', 'rate', 'burst',
    'all_rate', 'all_burst', 'pausing', 'overriding', 'paused', 'most_jobs')
  local last, lease = tonumber(kept[1]), tonumber(kept[3])
  local limit = {
    grace = tonumber(kept[4]) or 0,
    jobs = math.min(tonumber(kept[5]) or 1, MOST_JOBS),
    rate = tonumber(kept[6]) or 0,
    burst = tonumber(kept[7]) or 1,
    all_rate = tonumber(kept[8]) or 0,
    all_burst = tonumber(kept[9]) or 1,
    pausing = kept[10],
    overriding = kept[11],
    paused = kept[12],
    most_jobs = math.min(tonumber(kept[13]) or 1, MOST_JOBS),
  }
  local now = raw + (tonumber(kept[2]) or 0)
  if not last then
    redis.call('HSET', P .. 'engine', 'last', now, 'schema', SCHEMA)
  elseif now < last then
    redis.call('HSET', P .. 'engine', 'offset', last - raw)
    now = last
    -- Its time to live is of the clock that was: of a process that is gone it would be there for as long as that was ahead.
    redis.call('DEL', P .. 'sweeper')
  elseif lease and now - last > lease / 3 then
    limit.grace = math.floor(now + 2 * lease / 3 + math.min(3500, lease / 3))
    redis.call('HSET', P .. 'engine', 'last', now, 'grace', limit.grace)
  elseif now - last >= SIGN_MS then
    redis.call('HSET', P .. 'engine', 'last', now)
  end
  return now, limit
end
