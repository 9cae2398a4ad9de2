-- uses: time clock place end publish finish
-- Ends attempts: what a handler wants done is written here, in the same step that frees its mailbox, or not at all.
-- Only the live token of an attempt changes anything. Repeated with the same sequence it returns its first reply.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, sequence, keep of done, keep of dead, number of attempts, then for each:
--          id, token, 'ack' | 'retry' | 'dead' | 'release' | 'unstarted' | 'defer', delay (ms), real cost | '',
--          error, traceback, number of effects, then for each effect:
--            'publish', publication | 'append', name, value, keep, ttl (ms) | 'put', name, value, ttl (ms) | 'delete', name
-- Returns  for each attempt 'ok' | 'cancelled' (it was flagged meanwhile; it ends without effects) | 'lost' (its token was
--          not the live one; nothing was written)
local proc, seq = ARGV[1], ARGV[2]
local keep_done, keep_dead, n = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local i = 6

local kept = redis.call('HMGET', P .. 'proc:' .. proc, 'settle', 'settled')
if kept[1] == seq then
  return cmsgpack.unpack(kept[2])
end

local now, limit = clock()

-- Reads the effects from ARGV, all of them, before anything is written.
local function read_effects(number)
  local effects = {}
  for e = 1, number do
    local kind = ARGV[i]
    i = i + 1
    local effect = { kind = kind }
    if kind == 'publish' then
      effect.publication, i = read_publication(i)
    elseif kind == 'append' then
      effect.name, effect.value, effect.keep, effect.ttl = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
      i = i + 4
    elseif kind == 'put' then
      effect.name, effect.value, effect.ttl = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
      i = i + 3
    else
      effect.name = ARGV[i]
      i = i + 1
    end
    effects[e] = effect
  end
  return effects
end

local function write(effects)
  for _, effect in ipairs(effects) do
    if effect.kind == 'publish' then
      publish(effect.publication, limit, now, true)
    elseif effect.kind == 'append' then
      local key = P .. 'store:l:' .. effect.name
      redis.call('RPUSH', key, effect.value)
      redis.call('LTRIM', key, -effect.keep, -1)
      redis.call('PEXPIRE', key, effect.ttl)
    elseif effect.kind == 'put' then
      redis.call('SET', P .. 'store:s:' .. effect.name, effect.value, 'PX', effect.ttl)
    else
      redis.call('DEL', P .. 'store:s:' .. effect.name, P .. 'store:l:' .. effect.name)
    end
  end
end

local function suspend(id, box, state, due, attempts)
  redis.call('HSET', P .. 'msg:' .. id, 'state', state, 'due', due)
  redis.call('HDEL', P .. 'msg:' .. id, 'token')
  unlease(id)
  if attempts ~= 0 then
    redis.call('HINCRBY', P .. 'msg:' .. id, 'attempts', attempts)
  end
end

local replies = {}
for a = 1, n do
  local id, token, op = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local delay, real_cost = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local error, trace, number = ARGV[i + 5], ARGV[i + 6], tonumber(ARGV[i + 7])
  i = i + 8
  local effects = read_effects(number)
  local key = P .. 'msg:' .. id
  local record = redis.call('HMGET', key, 'token', 'box', 'expires', 'charged', 'started', 'cancel')
  if record[1] ~= token then
    replies[a] = 'lost'
  else
    local box, expires = record[2], record[3]
    local front = false
    local own = limit_of(box, limit)
    if real_cost and record[4] and own.rate > 0 then
      charge(box, real_cost - tonumber(record[4]), own, now)
      redis.call('HSET', key, 'charged', real_cost)
    end
    if record[6] then
      -- flagged: however the attempt ended, nothing of it is written
      cancel_waiting(id, box, expires)
    elseif op == 'ack' then
      complete(id, box, expires, keep_done, now)
      write(effects)
    elseif op == 'dead' then
      bury(id, box, expires, error, trace, #effects > 0, keep_dead, limit, now)
      write(effects)
    elseif op == 'retry' then
      suspend(id, box, 'backoff', now + delay, 0)
      redis.call('HSET', key, 'error', error, 'trace', trace, 'started', 1)
      redis.call('HINCRBY', key, 'retries', 1)
      count('retried')
    elseif op == 'defer' then
      suspend(id, box, 'backoff', now + delay, -1)
      redis.call('HSET', key, 'started', 1)
    elseif op == 'release' then
      suspend(id, box, 'backoff', 0, -1)
      redis.call('HSET', key, 'started', 1)
      front = true
    else
      suspend(id, box, record[5] and 'backoff' or 'waiting', 0, -1)
      front = true
    end
    reposition(box, limit, now, front)
    replies[a] = record[6] and 'cancelled' or 'ok'
  end
end

flush()
if redis.call('HSET', P .. 'proc:' .. proc, 'settle', seq, 'settled', cmsgpack.pack(replies)) > 0 then
  redis.call('PEXPIRE', P .. 'proc:' .. proc, 600000)
end
return replies
