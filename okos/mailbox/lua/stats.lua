-- uses: time clock
-- What the engine holds, in one look.
--
-- KEYS[1]  namespace prefix
-- Returns  {now (ms), {counts: field, value …}, running, dead, done kept, delayed, timed mailboxes,
--           {process, its last heartbeat (ms), what it says of itself …}}
local now = clock()
local procs = {}
local seen = redis.call('ZRANGE', P .. 'procs', 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  procs[#procs + 1] = seen[i]
  procs[#procs + 1] = seen[i + 1]
  procs[#procs + 1] = redis.call('HGET', P .. 'proc:' .. seen[i], 'self') or ''
end
return {
  now,
  redis.call('HGETALL', P .. 'counts'),
  redis.call('ZCARD', P .. 'leases'),
  redis.call('ZCARD', P .. 'dead'),
  redis.call('ZCARD', P .. 'done'),
  redis.call('ZCARD', P .. 'delayed'),
  redis.call('ZCARD', P .. 'timed'),
  procs,
}
