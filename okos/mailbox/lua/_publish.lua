-- Putting a message in, whoever does it: a publisher, an effect of a settle, or the burial of another message.
--
-- {ns}:dedup:{dedup_id}    string  the id that was accepted for it; expires after dedup_ttl
-- {ns}:delayed             zset    16 digits of publish sequence .. id -> due (ms): outside its mailbox until then
-- {ns}:expiry              zset    id -> instant (ms) after which a message that still waits is cancelled

-- What a message and all that was merged into it may have together, and how many those may be; beyond, a full mailbox
-- refuses.
local MOST_MERGED, MOST_ALIASES = 1048576, 256

-- A publication in ARGV from i on: its fields in this order, then '1' and the publication for when it is buried, or '0'.
local function read_publication(i)
  local p = {
    id = ARGV[i], box = ARGV[i + 1], queue = ARGV[i + 2], band = ARGV[i + 3], body = ARGV[i + 4],
    cost = tonumber(ARGV[i + 5]), delay = tonumber(ARGV[i + 6]), hold = tonumber(ARGV[i + 7]),
    dedup = ARGV[i + 8], dedup_ttl = tonumber(ARGV[i + 9]), expires = tonumber(ARGV[i + 10]),
    backlog = tonumber(ARGV[i + 11]), on_full = ARGV[i + 12], actor = ARGV[i + 13], latest = ARGV[i + 14] == '1',
    strict = ARGV[i + 15] == '1', max_stalls = tonumber(ARGV[i + 16]),
  }
  if ARGV[i + 17] == '1' then
    p.on_dead, i = read_publication(i + 18)
    return p, i
  end
  return p, i + 18
end

local function join_mailbox(id, box, limit, now)
  -- beyond the window the mailbox's place cannot change
  if redis.call('RPUSH', P .. 'box:' .. box, id) <= limit_of(box, limit).jobs then
    reposition(box, limit, now)
  end
end

-- Makes room in a full mailbox, as the message wishes. Returns true when it may come in, or the id that has taken it in.
local function make_room(p, limit, now)
  local list = P .. 'box:' .. p.box
  if p.on_full == 'drop_oldest' then
    -- what has started keeps its place, so the oldest that has not is within one step behind the window
    for _, id in ipairs(redis.call('LRANGE', list, 0, limit_of(p.box, limit).jobs)) do
      local record = record_of(id)
      if record and record.state == 'waiting' then
        cancel_waiting(id, record)
        return true
      end
    end
  elseif p.on_full == 'coalesce' then
    local id = redis.call('LINDEX', list, -1)
    local record = record_of(id)
    if record and record.state == 'waiting' and record.actor == p.actor
      and record.bytes + #p.body <= MOST_MERGED and (tonumber(record.merged) or 0) < MOST_ALIASES then
      local merged = record.merged and unpacked(redis.call('HGET', P .. 'merged', id), {}) or {}
      merged[#merged + 1] = p.body
      redis.call('HSET', P .. 'merged', id, cmsgpack.pack(merged))
      local aliases = record.aliases and aliases_of(id) or {}
      aliases[#merged] = p.id
      redis.call('HSET', P .. 'aliases', id, cmsgpack.pack(aliases))
      redis.call('SET', P .. 'alias:' .. p.id, id)
      record.merged, record.aliases, record.bytes = #merged, 1, record.bytes + #p.body
      changed[id] = true
      return id
    end
  end
  return false
end

-- Returns 'new' | 'seen' | 'full' | 'merged', and the id that stands for it. An effect was promised already: no backlog
-- refuses it. Nor one that is delayed: it takes no place in its mailbox, and is promised when it joins.
local function publish(p, limit, now, is_effect)
  local stands_for = was_seen(p.id, now) and p.id
  if p.on_full == 'coalesce' then
    stands_for = redis.call('GET', P .. 'alias:' .. p.id) or stands_for
  end
  if stands_for then
    return 'seen', stands_for
  end
  if p.dedup ~= '' then
    local known = redis.call('GET', P .. 'dedup:' .. p.dedup)
    if known then
      return 'seen', known
    end
  end
  local merged, dropped
  if p.delay == 0 and p.latest then
    supersede(p.box, limit, 'superseded', now)
  elseif p.delay == 0 and p.backlog > 0 and not is_effect and redis.call('LLEN', P .. 'box:' .. p.box) >= p.backlog then
    local room = make_room(p, limit, now)
    if not room then
      return 'full', p.id
    end
    merged, dropped = room ~= true and room, room == true
  end
  if p.dedup ~= '' then
    redis.call('SET', P .. 'dedup:' .. p.dedup, merged or p.id, 'PX', p.dedup_ttl + p.delay)
  end
  if merged then
    forget(p.id)
    return 'merged', merged
  end
  local record = { box = p.box, queue = p.queue, at = now, state = 'waiting', bytes = #p.body }
  if p.band ~= '1' then record.band = p.band end
  if p.cost ~= 1 then record.cost = p.cost end
  if p.hold > 0 then record.due = now + p.hold end
  if p.on_full == 'coalesce' then record.actor = p.actor end
  if p.strict then record.strict = 1 end
  if (p.max_stalls or 0) > 0 then record.max_stalls = p.max_stalls end
  if p.on_dead then
    record.on_dead = 1
    redis.call('HSET', P .. 'on_dead', p.id, cmsgpack.pack(p.on_dead))
  end
  if p.expires > 0 then
    record.expires = 1
    redis.call('ZADD', P .. 'expiry', now + p.delay + p.expires, p.id)
  end
  new_record(p.id, record)
  redis.call('HSET', P .. 'body', p.id, p.body)
  count_of(record, 'accepted')
  if p.delay > 0 then
    local due = now + p.delay
    record.state = 'delayed'
    if p.latest then record.latest = 1 end
    record.seq = string.format('%016d', redis.call('HINCRBY', P .. 'counts', 'seq', 1))
    local first = redis.call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
    redis.call('ZADD', P .. 'delayed', due, record.seq .. p.id)
    if not first[2] or due < tonumber(first[2]) then
      ring_bell(p.queue)
    end
    return 'new', p.id
  end
  local length = redis.call('RPUSH', P .. 'box:' .. p.box, p.id)
  if length == 1 and p.hold == 0 and limit.rate == 0 and not limit.pausing and not limit.overriding then
    -- alone and free to start: no need to look
    enring(p.box, p.queue, p.band, now)
    ring_bell(p.queue)
  elseif dropped or length <= limit_of(p.box, limit).jobs then
    reposition(p.box, limit, now)
  end
  return 'new', p.id
end
