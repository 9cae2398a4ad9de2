-- Starts messages, each the next of its mailbox, for one worker process.

-- In every eight turns a band is asked first this often: high five times, normal twice, low once.
local FIRST = { [0] = 2, 0, 0, 1, 0, 0, 1, 0 }
-- What is due within this time is told to somebody idle, for this process may be busy then.
local TORCH_MS = 2000
-- A process that met nothing but suspects, and holds one, looks again after this time: it may not take any of them.
local SUSPECTS_MS = 50

-- Claims as ARGV says from i on (see claim.lua); returns {ms until the next due moment, is work left, items}.
local function claim(i, limit, now)
  local proc, seq, n, most_bytes = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local lease, nonce = tonumber(ARGV[i + 4]), ARGV[i + 5]
  local may_suspect, max_stalls = ARGV[i + 6] == '1', tonumber(ARGV[i + 7])
  local queues = { unpack(ARGV, i + 9, i + 8 + tonumber(ARGV[i + 8])) }
  local lease_end = string.format('%.0f', now + lease)

  local function suspect(record)
    return (record.stalls or 0) >= (record.max_stalls or max_stalls)
  end

  -- A started message as its claimer is told of it; its body comes with the others'.
  local function describe(id, record)
    local item = { id, record.token, '', record.box, now - record.at, record.attempts }
    if record.retries or record.stalls or record.epoch or record.merged then
      local stalls = record.stalls or 0
      item[7], item[8], item[9], item[10] = record.retries or 0, stalls, suspect(record) and 1 or 0, record.epoch or 0
      item[11] = record.merged and unpacked(redis.call('HGET', P .. 'merged', id), {}) or {}
    end
    return item
  end

  local function with_bodies(items, ids)
    if #ids > 0 then
      for i, body in ipairs(redis.call('HMGET', P .. 'body', unpack(ids))) do
        items[i][3] = body
      end
    end
    return items
  end

  local last = reply_to(proc, 'claim', seq)
  if last then
    local items, ids = {}, {}
    local claimed = cmsgpack.unpack(last)
    for i = 1, #claimed, 2 do
      local id, token = claimed[i], claimed[i + 1]
      local record = record_of(id)
      if record and record.token == token then
        if not record.cancel then
          -- the claimer counts the lease from when it asked again
          lease_until(id, lease_end)
        end
        ids[#ids + 1] = id
        items[#ids] = describe(id, record)
      end
    end
    return { 0, 1, with_bodies(items, ids) }
  end

  local due = promote(limit, now)
  write_rings()

  -- With all paused, only housekeeping goes on.
  local lowest = limit.paused and 3 or 0
  local rings = {}
  for _, queue in ipairs(queues) do
    for band = lowest, 3 do
      rings[#rings + 1] = P .. 'ready:' .. queue .. ':' .. band
    end
  end
  local filled = redis.call('EXISTS', unpack(rings))
  local size, total = {}, 0
  for q, queue in ipairs(queues) do
    size[q] = { [0] = 0, 0, 0, 0 }
    for band = lowest, 3 do
      local length = filled > 0 and redis.call('ZCARD', P .. 'ready:' .. queue .. ':' .. band) or 0
      if length > 0 then
        size[q][band], total, filled = length, total + length, filled - 1
      end
    end
  end
  if total == 0 then
    return { due, 0, {} }
  end

  -- Tokens are numbered; their numbers also say whose turn it is.
  local turn = tonumber(redis.call('HGET', P .. 'counts', 'token')) or 0

  -- The ring to serve next: the band by weight, then the queues in turn.
  local function next_ring()
    for step = -1, 3 do
      local band = step == -1 and 3 or step == 0 and FIRST[turn % 8] or step - 1
      for offset = 0, #queues - 1 do
        -- counted apart from the band: else some of them would never meet
        local q = (math.floor(turn / 8) + turn % 8 + offset) % #queues + 1
        if size[q][band] > 0 then
          return q, band
        end
      end
    end
  end

  local all = limit.all_rate > 0 and { level = level_of_all(limit, now) }

  -- Mailboxes taken from a ring and not looked at yet, with their scores; those that are left go back where they were.
  local taken = {}

  local function next_box(q, band)
    local ring = P .. 'ready:' .. queues[q] .. ':' .. band
    local hand = taken[ring]
    if not hand or hand.at > #hand then
      hand = redis.call('ZPOPMIN', ring, math.min(size[q][band], n))
      hand.at = 1
      taken[ring] = hand
    end
    local box = hand[hand.at]
    hand.at = hand.at + 2
    size[q][band] = size[q][band] - 1
    total = total - 1
    return box
  end

  local function put_back()
    for ring, hand in pairs(taken) do
      for i = hand.at, #hand, 2 do
        redis.call('ZADD', ring, hand[i + 1], hand[i])
      end
    end
  end

  local items, ids, claimed, passed_over, bytes, looks = {}, {}, {}, {}, 0, 0

  -- Starts the next message of a mailbox, if it may. Returns 'over' if all together are at their limit.
  local function serve(box, q, band)
    local queue = queues[q]
    local own = limit_of(box, limit)
    local what, id, record = look(box, own, now)
    if what == 'timed' then
      redis.call('ZADD', P .. 'timed', id, box)
    end
    if what ~= 'ready' then
      return
    end
    local its_band, cost = record.band or '1', record.cost or 1
    local is_charged = record.charged or its_band == ASIDE
    local over = all and not is_charged and all.level + math.min(cost, limit.all_burst) - limit.all_burst or 0
    if record.queue ~= queue or its_band ~= tostring(band) then
      enring(box, record.queue, its_band, now)
      ring_bell(record.queue)
      return
    end
    if suspect(record) and not may_suspect then
      -- one suspect a process: if it dies, only the guilty one is buried
      passed_over[#passed_over + 1] = { box, record.queue, its_band }
      return
    end
    if over > 1e-9 then
      -- this mailbox keeps its turn, and nobody starts before that
      enring(box, record.queue, its_band, now, true)
      local wait = math.ceil(over * 1000 / limit.all_rate)
      due = due >= 0 and math.min(due, wait) or wait
      return 'over'
    end
    if (own.rate > 0 or all) and not is_charged then
      -- once a message, whatever becomes of it
      if own.rate > 0 then
        charge(box, cost, own, now)
      end
      if all then
        all.level = all.level + cost
      end
      record.charged = cost
    end
    if suspect(record) then
      may_suspect = false
    end
    turn = turn + 1
    record.state, record.token, record.proc, record.claimed = 'running', turn .. '-' .. nonce, proc, now
    record.attempts = (record.attempts or 0) + 1
    changed[id] = true
    lease_until(id, lease_end)
    ids[#ids + 1] = id
    items[#ids] = describe(id, record)
    claimed[#claimed + 1] = id
    claimed[#claimed + 1] = record.token
    bytes = bytes + record.bytes
    if own.jobs > 1 then
      reposition(box, limit, now)
    end
  end

  local most_looks = n * 2 + 64
  while #ids < n and bytes < most_bytes and total > 0 and looks < most_looks do
    looks = looks + 1
    local q, band = next_ring()
    local box = next_box(q, band)
    local is_read, error = pcall(serve, box, q, band)
    if not is_read then
      leave_out(box, error)
    elseif error == 'over' then
      total = 0
    end
  end

  put_back()
  for _, which in ipairs(passed_over) do
    enring(which[1], which[2], which[3], now)
  end
  if all and #ids > 0 then
    keep_level_of_all(all.level, limit, now)
  end
  if #ids > 0 then
    count('token', #ids)
    keep_reply('claim', seq, claimed)
    for _, which in ipairs(passed_over) do
      -- one that holds no suspect may take the next; it rings for the one after that
      ring_bell(which[2])
    end
    if total > 0 then
      for q, queue in ipairs(queues) do
        if size[q][0] + size[q][1] + size[q][2] + size[q][3] > 0 then
          ring_bell(queue)
        end
      end
    elseif due >= 0 and due < TORCH_MS then
      -- this process may be busy when it comes: let an idle one know
      ring_bell(queues[1])
    end
  end
  if #ids == 0 and #passed_over > 0 then
    return { due >= 0 and math.min(due, SUSPECTS_MS) or SUSPECTS_MS, 0, {} }
  end
  return { due, total > 0 and 1 or 0, with_bodies(items, ids) }
end
