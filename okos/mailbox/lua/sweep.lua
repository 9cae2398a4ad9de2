-- uses: time clock place end publish finish promote prune
-- Finds what nobody looks after any more: attempts whose lease ran out, messages past their expiry, processes that are
-- gone, history past its age; and brings back what is due. Bounded: what is left is for the next sweep.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, ms for which this process is the only one to sweep, or 0 to sweep whoever else does,
--          max_stalls, keep of dead, age of done (ms), age of dead (ms), lease (ms)
-- Returns  {swept (0|1), {id, mailbox, process, 'stalled' | 'dead' …}, {id, mailbox of each expired message …}}
local proc, turn_ms, max_stalls, keep_dead = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local done_age, dead_age, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local MOST = 64

if turn_ms > 0 then
  if not redis.call('SET', P .. 'sweeper', proc, 'NX', 'PX', turn_ms) then
    if redis.call('GET', P .. 'sweeper') ~= proc then
      return { 0, {}, {} }
    end
    redis.call('PEXPIRE', P .. 'sweeper', turn_ms)
  end
end

local now, limit = clock()
local stalled, expired = {}, {}

local function note(list, ...)
  for _, value in ipairs({ ... }) do
    list[#list + 1] = value
  end
end

if now >= limit.grace then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, MOST)) do
    local key = P .. 'msg:' .. id
    local record = redis.call('HMGET', key, 'box', 'expires', 'proc', 'state', 'cancel')
    local box = record[1]
    unlease(id)
    if box and record[5] then
      cancel_waiting(id, box, record[2])
      reposition(box, limit, now)
    elseif box and record[4] == 'running' then
      count('stalled')
      local stalls = redis.call('HINCRBY', key, 'stalls', 1)
      if stalls >= max_stalls then
        bury(id, box, record[2], 'stalled: the worker process ended ' .. stalls .. ' times while running it', '', false, keep_dead, limit, now)
        note(stalled, id, box, record[3], 'dead')
      else
        redis.call('HSET', key, 'state', 'backoff', 'due', 0, 'started', 1)
        redis.call('HDEL', key, 'token')
        note(stalled, id, box, record[3], 'stalled')
      end
      reposition(box, limit, now, true)
    end
  end
end

promote(limit, now)

for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'expiry', '-inf', now, 'LIMIT', 0, MOST)) do
  local record = redis.call('HMGET', P .. 'msg:' .. id, 'box', 'state', 'seq', 'queue', 'band')
  local box, state = record[1], record[2]
  if not box or state == 'done' or state == 'dead' then
    redis.call('ZREM', P .. 'expiry', id)
  elseif state == 'running' then
    redis.call('ZADD', P .. 'expiry', now + lease, id)
  else
    local here = true
    if state == 'delayed' then
      redis.call('ZREM', P .. 'delayed', record[3] .. id)
    else
      -- not there: its mailbox was cancelled whole, and it is counted already
      here = redis.call('LREM', P .. 'box:' .. box, 1, id) > 0
    end
    if here then
      cancel_waiting(id, box, true)
      if redis.call('EXISTS', P .. 'box:' .. box) == 0 then
        -- its queue may be one that nobody will ever claim for (the outbox of a client that has left)
        redis.call('ZREM', P .. 'ready:' .. record[4] .. ':' .. (record[5] or '1'), box)
      end
      reposition(box, limit, now)
      note(expired, id, box)
    else
      redis.call('ZREM', P .. 'expiry', id)
    end
  end
end

-- what was cancelled whole: its records go a few at a time, from the oldest list on
local trash = redis.call('LINDEX', P .. 'trash', 0)
if trash then
  for _, id in ipairs(redis.call('LPOP', trash, MOST * 4) or {}) do
    if redis.call('HGET', P .. 'msg:' .. id, 'expires') then
      redis.call('ZREM', P .. 'expiry', id)
    end
    forget(id)
  end
  if redis.call('EXISTS', trash) == 0 then
    redis.call('LPOP', P .. 'trash')
  end
end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', P .. 'procs', '-inf', now - lease * 4 - 60000, 'LIMIT', 0, MOST)) do
  redis.call('ZREM', P .. 'procs', old)
end

age_out('done', done_age, MOST, now)
age_out('dead', dead_age, MOST, now)

flush()
return { 1, stalled, expired }
