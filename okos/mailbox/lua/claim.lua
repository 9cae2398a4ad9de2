-- uses: time clock place end publish promote
-- Starts up to n messages, each the next of its mailbox, for one worker process. Repeated with the same sequence
-- (the reply was lost) it returns what it had started.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, sequence, n, most body bytes, lease (ms), 64 random bits, may hold a suspect (0|1),
--          max_stalls, number of queues, queue…
-- Returns  {ms until the next due moment | -1, ready work is left (0|1),
--           {{id, token, body, mailbox, attempts, retries, stalls, ms since published, suspect (0|1), epoch, {body merged into it …}} …}}
--
-- {ns}:proc:{process}  hash  claim, claimed: sequence and ids of its last claim; settle, settled: of its last settle;
--                            what it says of itself (renew). Expires a few leases after its last sign.
local proc, seq, n, most_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, nonce = tonumber(ARGV[5]), ARGV[6]
local may_suspect, max_stalls = ARGV[7] == '1', tonumber(ARGV[8])
local queues = {}
for i = 1, tonumber(ARGV[9]) do
  queues[i] = ARGV[9 + i]
end
local PROC_MS = lease * 4 + 60000
-- In every eight turns a band is asked first this often: high five times, normal twice, low once.
local FIRST = { [0] = 2, 0, 0, 1, 0, 0, 1, 0 }
local TORCH_MS = 2000

local now, limit = clock()

local function suspect(stalls)
  return stalls > 0 and stalls >= max_stalls - 1
end

local kept = redis.call('HMGET', P .. 'proc:' .. proc, 'claim', 'claimed')
if kept[1] == seq then
  local items = {}
  for _, pair in ipairs(cmsgpack.unpack(kept[2])) do
    local r = redis.call('HMGET', P .. 'msg:' .. pair[1], 'token', 'body', 'box', 'attempts', 'retries', 'stalls', 'at', 'epoch', 'more', 'cancel')
    if r[1] == pair[2] then
      local stalls = tonumber(r[6]) or 0
      if not r[10] then
        -- the claimer counts the lease from when it asked again
        redis.call('ZADD', P .. 'leases', now + lease, pair[1])
      end
      items[#items + 1] = {
        pair[1], r[1], r[2], r[3], tonumber(r[4]), tonumber(r[5]) or 0, stalls, now - tonumber(r[7]), suspect(stalls) and 1 or 0,
        tonumber(r[8]) or 0, r[9] and cmsgpack.unpack(r[9]) or {},
      }
    end
  end
  return { 0, 1, items }
end

local due = promote(limit, now)

local size, total = {}, 0
for q, queue in ipairs(queues) do
  size[q] = {}
  for band = 0, 2 do
    size[q][band] = redis.call('ZCARD', P .. 'ready:' .. queue .. ':' .. band)
    total = total + size[q][band]
  end
end
if total == 0 or limit.paused then
  return { due, 0, {} }
end

-- Tokens are numbered; their numbers also say whose turn it is, so those that are not used are given back.
local turn = redis.call('HINCRBY', P .. 'counts', 'token', n) - n

-- The ring to serve next: the band by weight, then the queues in turn.
local function next_ring()
  local first = FIRST[turn % 8]
  for step = 0, 3 do
    local band = step == 0 and first or step - 1
    for offset = 0, #queues - 1 do
      local q = (turn + offset) % #queues + 1
      if size[q][band] > 0 then
        return q, band
      end
    end
  end
end

-- {ns}:rate  hash  level, at (ms): the bucket of all mailboxes together
local all
if limit.all_rate > 0 then
  local level = redis.call('HMGET', P .. 'rate', 'level', 'at')
  local leaked = (now - (tonumber(level[2]) or now)) * limit.all_rate / 1000
  all = { level = math.max(0, (tonumber(level[1]) or 0) - leaked) }
end

local items, claimed, leases, passed_over, bytes, looks = {}, {}, {}, {}, 0, 0
local most_looks = n * 2 + 64
while #items < n and bytes < most_bytes and total > 0 and looks < most_looks do
  looks = looks + 1
  local q, band = next_ring()
  local queue = queues[q]
  local box = redis.call('ZPOPMIN', P .. 'ready:' .. queue .. ':' .. band)[1]
  size[q][band] = size[q][band] - 1
  total = total - 1
  local own = limit_of(box, limit)
  local what, id, record = look(box, own, now, true)
  if what == 'timed' then
    redis.call('ZADD', P .. 'timed', id, box)
  elseif what == 'ready' and (record.queue ~= queue or record.band ~= tostring(band)) then
    enring(box, record.queue, record.band, now)
    ring_bell(record.queue)
  elseif what == 'ready' and suspect(record.stalls) and not may_suspect then
    -- one suspect a process: if it dies, only the guilty one is buried
    passed_over[#passed_over + 1] = { box, record.queue, record.band }
  elseif what == 'ready' and all and not record.charged and all.level + math.min(record.cost, limit.all_burst) > limit.all_burst + 1e-9 then
    -- all together are at their limit: this mailbox keeps its turn, and nobody starts before that
    enring(box, record.queue, record.band, now, true)
    local over = all.level + math.min(record.cost, limit.all_burst) - limit.all_burst
    local wait = math.ceil(over * 1000 / limit.all_rate)
    due = due >= 0 and math.min(due, wait) or wait
    total = 0
    break
  elseif what == 'ready' then
    if suspect(record.stalls) then
      may_suspect = false
    end
    if (own.rate > 0 or all) and not record.charged then
      -- once a message, whatever becomes of it
      if own.rate > 0 then
        charge(box, record.cost, own, now)
      end
      if all then
        all.level = all.level + record.cost
      end
      redis.call('HSET', P .. 'msg:' .. id, 'charged', record.cost)
    end
    turn = turn + 1
    local token = turn .. '-' .. nonce
    local attempts = record.attempts + 1
    redis.call('HSET', P .. 'msg:' .. id, 'state', 'running', 'token', token, 'proc', proc, 'attempts', attempts)
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = id
    claimed[#claimed + 1] = { id, token }
    items[#items + 1] = {
      id, token, record.body, box, attempts, record.retries, record.stalls, now - record.at, suspect(record.stalls) and 1 or 0,
      record.epoch, record.more and cmsgpack.unpack(record.more) or {},
    }
    bytes = bytes + #record.body
    if own.jobs > 1 then
      reposition(box, limit, now)
    end
  end
end

for _, which in ipairs(passed_over) do
  enring(which[1], which[2], which[3], now)
end
if #items < n then
  redis.call('HINCRBY', P .. 'counts', 'token', #items - n)
end
if all and #items > 0 then
  redis.call('HSET', P .. 'rate', 'level', string.format('%.9g', all.level), 'at', now)
  redis.call('PEXPIRE', P .. 'rate', math.ceil(all.level * 1000 / limit.all_rate) + 1000)
end
if #items > 0 then
  redis.call('ZADD', P .. 'leases', unpack(leases))
  if redis.call('HSET', P .. 'proc:' .. proc, 'claim', seq, 'claimed', cmsgpack.pack(claimed)) > 0 then
    redis.call('PEXPIRE', P .. 'proc:' .. proc, PROC_MS)
  end
  if total > 0 then
    for q, queue in ipairs(queues) do
      if size[q][0] + size[q][1] + size[q][2] > 0 then
        ring_bell(queue)
      end
    end
  elseif due >= 0 and due < TORCH_MS then
    -- this process may be busy when it comes: let an idle one know
    ring_bell(queues[1])
  end
end
return { due, total > 0 and 1 or 0, items }
