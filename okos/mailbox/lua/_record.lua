-- Records, and all else that a call writes to many messages: each record is read once a call, changed as a table, and
-- written with the others by `flush`, which every transition that changes anything calls last. A command costs the
-- server about as much for sixty messages as for one.
--
-- {ns}:msg             hash    id -> the record (MessagePack): box, queue, at, state, bytes, and what few messages have
-- {ns}:body            hash    id -> what Dramatiq sent, as it encoded it
-- {ns}:on_dead         hash    id -> the publication for when it is buried (MessagePack)
-- {ns}:merged          hash    id -> the bodies that a full mailbox merged into it (MessagePack)
-- {ns}:aliases         hash    id -> the ids of those messages, likewise
-- {ns}:alias:{id}      string  the id that the id of a merged message stands for; expires two minutes after its end
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
local BESIDE = { 'on_dead', 'merged', 'aliases', 'error' }
local beside = {}
-- Before everybody who joined at the tail, and among each other in order.
local FRONT = -4e15

-- Reads a record, or raises or returns nothing for what is none: whoever reaches the server may have written it, and one
-- message that cannot be read must not stop the others. Comparing raises for another type, and costs less than to ask for
-- each.
local function read_record(packed)
  local r = cmsgpack.unpack(packed)
  if r.box >= '' and r.queue >= '' and r.state >= '' and r.at >= 0 and r.bytes >= 0 and (r.cost or 0) >= 0
    and (r.attempts or 0) >= 0 and (r.retries or 0) >= 0 and (r.stalls or 0) >= 0 and (r.epoch or 0) >= 0
    and (r.max_stalls or 0) >= 0
    and (r.due or 0) >= 0 and (r.charged or 0) >= 0 and (r.ended or 0) >= 0 and (r.band or '') >= ''
    and (r.token or '') >= '' and (r.proc or '') >= '' and (r.seq or '') >= '' and (r.cancel or '') >= ''
    and r.at + r.bytes + (r.attempts or 0) + (r.retries or 0) + (r.stalls or 0) + (r.due or 0) + (r.ended or 0) < 1e15
    and (r.cost or 0) + (r.charged or 0) < 1e10 then
    return r
  end
end

-- Returns the record of a message, or false if there is none that can be read. Who changes it says `changed[id] = true`.
local function record_of(id)
  local record = known[id]
  if record == nil then
    local packed = redis.call('HGET', P .. 'msg', id)
    if packed then
      local is_read, found = pcall(read_record, packed)
      record = is_read and found or false
    else
      record = false
    end
    known[id] = record
  end
  return record
end

-- What is kept packed beside a record, or another table for what cannot be read.
local function unpacked(packed, other)
  local is_read, found = pcall(cmsgpack.unpack, packed or '')
  return is_read and type(found) == 'table' and found or other
end

-- {error, traceback} of a message's last failed attempt.
local function failure_of(id)
  local failure = unpacked(redis.call('HGET', P .. 'error', id), {})
  return { tostring(failure[1] or ''), tostring(failure[2] or '') }
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

-- The ids that stand for a message beside its own, as long as it is remembered.
local function aliases_of(id)
  return unpacked(redis.call('HGET', P .. 'aliases', id), {})
end

-- Forgets a message that has ended. Its id is remembered for a minute, so that a late repeat is not a second message.
local function forget(id)
  local record = record_of(id)
  if record and record.aliases then
    for _, alias in pairs(aliases_of(id)) do
      redis.call('PEXPIRE', P .. 'alias:' .. tostring(alias), 2 * SEEN_MS)
    end
  end
  for _, of in ipairs(BESIDE) do
    if not record or record[of] then
      local list = beside[of] or {}
      beside[of] = list
      list[#list + 1] = id
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
