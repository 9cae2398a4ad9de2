-- Records, and all else that a call writes to many messages: each record is read once a call, changed as a table, and
-- written with the others by `flush`, which every transition that changes anything calls last. A command costs the
-- server about as much for sixty messages as for one.
--
-- {ns}:msg             hash    id -> the record (MessagePack): box, queue, at, state, bytes, and what few messages have
-- {ns}:body            hash    id -> what Dramatiq sent, as it encoded it
-- {ns}:on_dead         hash    id -> the publication for when it is buried (MessagePack)
-- {ns}:merged          hash    id -> the bodies that a full mailbox merged into it (MessagePack)
-- {ns}:error           hash    id -> error and traceback of its last failed attempt (MessagePack)
-- {ns}:seen:{minute}   set     the ids of messages that ended in that minute; expires when the next one is over
-- {ns}:leases          zset    id -> instant (ms) at which the running attempt is taken for dead unless it renews
-- {ns}:counts          hash    kept for ever: seq, token and how many were accepted, done, died, cancelled, retried, stalled,
--                              pruned; aside_accepted … likewise, of housekeeping
local SEEN_MS = 60000
-- The band of housekeeping: it is asked first, heeds neither a pause of all nor a rate, and is counted by itself.
local ASIDE = '3'

local known, changed, forgotten = {}, {}, {}
local counted, gone, leased, unleased = {}, {}, {}, {}
local tails, fronts, joined = {}, {}, 0
-- What few messages have beside their record, in hashes of these names; the record has a field of the name then.
local BESIDE = { 'on_dead', 'merged', 'error' }
local beside = {}
-- Before everybody who joined at the tail, and among each other in order.
local FRONT = -4e15

-- Returns the record of a message, or false if there is none. Who changes it says `changed[id] = true`.
local function record_of(id)
  local record = known[id]
  if record == nil then
    local packed = redis.call('HGET', P .. 'msg', id)
    record = packed and cmsgpack.unpack(packed)
    known[id] = record
  end
  return record
end

local function new_record(id, record)
  known[id] = record
  changed[id] = true
end

local function count(field, by)
  counted[field] = (counted[field] or 0) + (by or 1)
end

local function count_of(record, field, by)
  count(record.band == ASIDE and 'aside_' .. field or field, by)
end

-- Forgets a message that has ended. Its id is remembered for a minute, so that a late repeat is not a second message.
local function forget(id)
  local record = record_of(id)
  if record then
    for _, of in ipairs(BESIDE) do
      if record[of] then
        local list = beside[of] or {}
        beside[of] = list
        list[#list + 1] = id
      end
    end
  end
  known[id] = false
  changed[id] = nil
  forgotten[id] = true
  gone[#gone + 1] = id
end

-- Says that an id has been here, though it has no record of its own.
local function seen_bucket(now, back)
  return P .. 'seen:' .. math.floor(now / SEEN_MS) - back
end

local function was_seen(id, now)
  return record_of(id) or forgotten[id]
    or redis.call('SISMEMBER', seen_bucket(now, 0), id) == 1
    or redis.call('SISMEMBER', seen_bucket(now, 1), id) == 1
end

-- `instant` as text: one for a whole batch, so that it is not written out for each.
local function lease_until(id, instant)
  leased[#leased + 1] = instant
  leased[#leased + 1] = id
end

local function unlease(id)
  unleased[#unleased + 1] = id
end

-- Puts a mailbox into its ring: at the tail, unless it stands there already, or at the front.
local function enring(box, queue, band, now, front)
  local ring = P .. 'ready:' .. queue .. ':' .. band
  local side = front and fronts or tails
  local list = side[ring]
  if not list then
    list = {}
    side[ring] = list
  end
  joined = joined + 1
  list[#list + 1] = (front and FRONT or 0) + now * 1000 + joined
  list[#list + 1] = box
end

local function in_chunks(list, call)
  for start = 1, #list, 1000 do
    call(unpack(list, start, math.min(start + 999, #list)))
  end
end

local function write_rings()
  for ring, list in pairs(fronts) do
    in_chunks(list, function(...) redis.call('ZADD', ring, ...) end)
  end
  for ring, list in pairs(tails) do
    in_chunks(list, function(...) redis.call('ZADD', ring, 'NX', ...) end)
  end
  tails, fronts = {}, {}
end

local function flush(now)
  write_rings()
  local packed = {}
  for id in pairs(changed) do
    packed[#packed + 1] = id
    packed[#packed + 1] = cmsgpack.pack(known[id])
  end
  in_chunks(packed, function(...) redis.call('HSET', P .. 'msg', ...) end)
  if #gone > 0 then
    in_chunks(gone, function(...) redis.call('HDEL', P .. 'msg', ...) end)
    in_chunks(gone, function(...) redis.call('HDEL', P .. 'body', ...) end)
    for of, ids in pairs(beside) do
      in_chunks(ids, function(...) redis.call('HDEL', P .. of, ...) end)
    end
    local seen = seen_bucket(now, 0)
    in_chunks(gone, function(...) redis.call('SADD', seen, ...) end)
    redis.call('PEXPIRE', seen, 2 * SEEN_MS)
  end
  in_chunks(unleased, function(...) redis.call('ZREM', P .. 'leases', ...) end)
  in_chunks(leased, function(...) redis.call('ZADD', P .. 'leases', ...) end)
  for field, by in pairs(counted) do
    redis.call('HINCRBY', P .. 'counts', field, by)
  end
end
