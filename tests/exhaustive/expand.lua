-- Puts a state of the store back, makes one move from it with a real transition, and shows what there is then; again
-- from the same state for each move. One call is all moves out of one state. Empties the database: it needs its own.
--
-- KEYS[1]  namespace prefix
-- ARGV     number of commands that make the state, for each: number of its words, command, key without prefix, words…;
--          then for each move: transition, number of its arguments, arguments…
-- Returns  for each move {reply | {'error', message}, {{key without prefix, type, content} …}}
-- A record is a hash of its own in both, `msg:<id>`, with what was prepared for its burial as one of its fields.
--
-- `transitions` stands above, made of the real sources: name -> function(KEYS, ARGV).
local P = KEYS[1]
local i = 2
local commands = {}
for c = 1, tonumber(ARGV[1]) do
  local words = tonumber(ARGV[i])
  commands[c] = { unpack(ARGV, i + 1, i + words) }
  commands[c][2] = P .. commands[c][2]
  i = i + words + 1
end

local NUMBERS = { at = 1, bytes = 1, due = 1, attempts = 1, retries = 1, stalls = 1, started = 1, charged = 1,
  strict = 1, max_stalls = 1 }

local function put_record(id, words)
  local record = {}
  for w = 3, #words, 2 do
    record[words[w]] = NUMBERS[words[w]] and tonumber(words[w + 1]) or words[w + 1]
  end
  redis.call('HSET', P .. 'on_dead', id, record.on_dead)
  redis.call('HSET', P .. 'body', id, 'x')
  record.on_dead = 1
  redis.call('HSET', P .. 'msg', id, cmsgpack.pack(record))
end

-- Shows each record; and which bodies there are, for a body without its record would stay for ever.
local function show_records(found)
  local all = redis.call('HGETALL', P .. 'msg')
  for r = 1, #all, 2 do
    local fields = {}
    for field, value in pairs(cmsgpack.unpack(all[r + 1])) do
      if field == 'on_dead' then
        value = redis.call('HGET', P .. 'on_dead', all[r])
      end
      fields[#fields + 1] = field
      fields[#fields + 1] = tostring(value)
    end
    found[#found + 1] = { 'msg:' .. all[r], 'hash', fields }
  end
  for _, of in ipairs({ 'body', 'on_dead', 'error' }) do
    found[#found + 1] = { 'of:' .. of, 'set', redis.call('HKEYS', P .. of) }
  end
end
local SHOWN = { [P .. 'msg'] = 1, [P .. 'body'] = 1, [P .. 'on_dead'] = 1, [P .. 'error'] = 1 }

local function content(key, kind)
  if kind == 'string' then
    return { redis.call('GET', key) }
  elseif kind == 'list' then
    return redis.call('LRANGE', key, 0, -1)
  elseif kind == 'hash' then
    return redis.call('HGETALL', key)
  elseif kind == 'zset' then
    return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  end
  return redis.call('SMEMBERS', key)
end

local outcomes = {}
while ARGV[i] do
  redis.call('FLUSHDB')
  for _, command in ipairs(commands) do
    local id = string.match(command[2], '^' .. P .. 'msg:(.*)')
    if id then
      put_record(id, command)
    else
      redis.call(unpack(command))
    end
  end
  local name, arguments = ARGV[i], tonumber(ARGV[i + 1])
  local ran, reply = pcall(transitions[name], KEYS, { unpack(ARGV, i + 2, i + 1 + arguments) })
  i = i + arguments + 2
  if not ran then
    reply = { 'error', type(reply) == 'table' and reply.err or tostring(reply) }
  end
  local found = {}
  show_records(found)
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if not SHOWN[key] then
      local kind = redis.call('TYPE', key).ok
      found[#found + 1] = { string.sub(key, #P + 1), kind, content(key, kind) }
    end
  end
  outcomes[#outcomes + 1] = { reply, found }
end
return outcomes
