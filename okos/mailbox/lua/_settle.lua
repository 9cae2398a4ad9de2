-- Ends attempts. Only the live token of an attempt changes anything. What a handler wants done is written here, in the
-- same step that frees its mailbox, or not at all.

-- Reads the effects of one attempt from ARGV.
local function read_effects(i, number)
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
  return effects, i
end

local function write(effects, limit, now)
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

-- Takes a message back from its attempt; one that does not count is given back.
local function suspend(id, record, state, due, counts)
  record.state, record.due, record.token = state, due, nil
  record.started = state == 'backoff' and 1 or record.started
  if not counts then
    record.attempts = record.attempts - 1
  end
  changed[id] = true
  unlease(id)
end

-- Settles as ARGV says from i on (see settle.lua); returns 'ok', 'cancelled' or 'lost' for each attempt.
local function settle(i, limit, now)
  local proc, seq = ARGV[i], ARGV[i + 1]
  local keep_done, keep_dead, n = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  i = i + 5
  local last = reply_to(proc, 'settle', seq)
  if last then
    return cmsgpack.unpack(last)
  end

  -- All that is asked is read before anything is written: what cannot be read changes nothing.
  local starts, effects = {}, {}
  for a = 1, n do
    starts[a] = i
    if ARGV[i + 2] == 'done' then
      i = i + 3
    else
      i = i + 8
      effects[a], i = read_effects(i, tonumber(ARGV[i - 1]))
    end
  end

  local replies = {}
  for a, start in ipairs(starts) do
    local id, token, op = ARGV[start], ARGV[start + 1], ARGV[start + 2]
    local delay, real_cost = tonumber(ARGV[start + 3]), tonumber(ARGV[start + 4])
    local record = record_of(id)
    if not record or record.token ~= token then
      replies[a] = 'lost'
    else
      local box = record.box
      if op ~= 'done' and real_cost and record.charged then
        local own, more = limit_of(box, limit), real_cost - record.charged
        if own.rate > 0 then
          charge(box, more, own, now)
        end
        if limit.all_rate > 0 then
          keep_level_of_all(math.max(0, level_of_all(limit, now) + more), limit, now)
        end
        record.charged = real_cost
      end
      if record.cancel then
        -- flagged: however the attempt ended, nothing of it is written
        cancel_waiting(id, record)
      elseif op == 'done' then
        complete(id, record, keep_done, now)
      elseif op == 'ack' then
        complete(id, record, keep_done, now)
        write(effects[a], limit, now)
      elseif op == 'dead' or op == 'told' then
        bury(id, record, ARGV[start + 5], ARGV[start + 6], op == 'told', keep_dead, limit, now)
        write(effects[a], limit, now)
      elseif op == 'retry' then
        suspend(id, record, 'backoff', now + delay, true)
        record.retries = (record.retries or 0) + 1
        keep_error(id, record, ARGV[start + 5], ARGV[start + 6])
        count('retried')
      elseif op == 'defer' then
        suspend(id, record, 'backoff', now + delay)
      elseif op == 'release' then
        suspend(id, record, 'backoff', 0)
      else
        suspend(id, record, record.started and 'backoff' or 'waiting', 0)
      end
      reposition(box, limit, now, op == 'release' or op == 'unstarted')
      replies[a] = record.cancel and 'cancelled' or 'ok'
    end
  end

  keep_reply('settle', seq, replies)
  return replies
end
