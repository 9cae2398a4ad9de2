-- Puts a state of the store back, makes one move from it with a real transition, and shows what there is then; again
-- from the same state for each move. One call is all moves out of one state. Empties the database: it needs its own.
--
-- KEYS[1]  namespace prefix
-- ARGV     number of commands that make the state, for each: number of its words, command, key without prefix, words…;
--          then for each move: transition, number of its arguments, arguments…
-- Returns  for each move {reply | {'error', message}, {{key without prefix, type, content} …}}
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
    redis.call(unpack(command))
  end
  local name, arguments = ARGV[i], tonumber(ARGV[i + 1])
  local ran, reply = pcall(transitions[name], KEYS, { unpack(ARGV, i + 2, i + 1 + arguments) })
  i = i + arguments + 2
  if not ran then
    reply = { 'error', type(reply) == 'table' and reply.err or tostring(reply) }
  end
  local found = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind = redis.call('TYPE', key).ok
    found[#found + 1] = { string.sub(key, #P + 1), kind, content(key, kind) }
  end
  outcomes[#outcomes + 1] = { reply, found }
end
return outcomes
