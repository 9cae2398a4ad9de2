-- uses: time clock record place end publish finish stall promote prune
-- Finds what nobody looks after any more: attempts whose lease ran out, messages past their expiry, processes that are
-- gone, history past its age; and brings back what is due. Bounded: what is left is for the next sweep.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, ms for which this process is the only one to sweep, or 0 to sweep whoever else does,
--          max_stalls, keep of dead, age of done (ms), age of dead (ms), lease (ms)
-- Returns  {swept (0|1), {id, mailbox, process, 'stalled' | 'dead' | 'cancelled' …}, {id, mailbox of each expired message …},
--           is there more to find at once (0|1)}
local proc, turn_ms, max_stalls, keep_dead = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local done_age, dead_age, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local MOST = 64
local now, limit = clock()

if turn_ms > 0 then
  if not redis.call('SET', P .. 'sweeper', proc, 'NX', 'PX', turn_ms) then
    if redis.call('GET', P .. 'sweeper') ~= proc then
      return { 0, {}, {}, 0 }
    end
    redis.call('PEXPIRE', P .. 'sweeper', turn_ms)
  end
end

local stalled, expired = {}, {}

local function note(list, ...)
  for _, value in ipairs({ ... }) do
    list[#list + 1] = value
  end
end

if now >= limit.grace then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, MOST)) do
    local record, verdict = stall(id, max_stalls, keep_dead, limit, now)
    if verdict then
      note(stalled, id, record.box, record.proc, verdict)
    end
  end
end

promote(limit, now)

local left = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'expiry', '-inf', now, 'LIMIT', 0, MOST)) do
  local record = record_of(id)
  local state = record and record.state
  if not record or state == 'done' or state == 'dead' then
    redis.call('ZREM', P .. 'expiry', id)
  elseif state == 'running' then
    redis.call('ZADD', P .. 'expiry', now + lease, id)
  else
    local box, here = record.box, true
    if state == 'delayed' then
      redis.call('ZREM', P .. 'delayed', record.seq .. id)
    else
      -- not there: its mailbox was cancelled whole, and it is counted already
      here = redis.call('LREM', P .. 'box:' .. box, 1, id) > 0
    end
    if here then
      cancel_waiting(id, record, true)
      left[box] = record
      note(expired, id, box)
    else
      redis.call('ZREM', P .. 'expiry', id)
    end
  end
end

for box, record in pairs(left) do
  if redis.call('EXISTS', P .. 'box:' .. box) == 0 then
    -- its queue may be one that nobody will ever claim for (the outbox of a client that has left)
    redis.call('ZREM', P .. 'ready:' .. record.queue .. ':' .. (record.band or '1'), box)
  else
    reposition(box, limit, now)
  end
end

-- what was cancelled whole: its records go a few at a time, from the oldest list on
local room, trash = MOST * 4, redis.call('LINDEX', P .. 'trash', 0)
while trash and room > 0 do
  local ids = redis.call('LPOP', trash, room) or {}
  for _, id in ipairs(ids) do
    local record = record_of(id)
    if record and record.expires then
      redis.call('ZREM', P .. 'expiry', id)
    end
    forget(id)
  end
  if #ids < room or redis.call('EXISTS', trash) == 0 then
    redis.call('LPOP', P .. 'trash')
    trash = redis.call('LINDEX', P .. 'trash', 0)
  end
  room = room - math.max(1, #ids)
end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', P .. 'procs', '-inf', now - lease * 4 - 60000, 'LIMIT', 0, MOST)) do
  redis.call('ZREM', P .. 'procs', old)
end

age_out('done', done_age, MOST, now)
age_out('dead', dead_age, MOST, now)

redis.call('UNLINK', seen_bucket(now, 2), seen_bucket(now, 3))
flush(now)
local is_more = trash or #stalled >= 4 * MOST or #expired >= 2 * MOST
return { 1, stalled, expired, is_more and 1 or 0 }
