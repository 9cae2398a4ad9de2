-- uses: time clock record
-- A worker process's heartbeat: extends the leases of the tokens that it holds and says that the process lives.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, lease (ms), what it says of itself (JSON), number of tokens, then id, token for each
-- Returns  {a sweeper is at work (0|1), {id of each attempt that is no longer its own …},
--           {id of each that was flagged to be cancelled …}}
--
-- {ns}:procs    zset    process -> its last heartbeat (ms); old ones are removed by sweep
-- {ns}:sweeper  string  the process that sweeps; expires when it stops
local proc, lease = ARGV[1], tonumber(ARGV[2])
local now = clock()
local lease_end = string.format('%.0f', now + lease)
local lost, cancelled = {}, {}
for i = 5, 3 + 2 * tonumber(ARGV[4]), 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local record = record_of(id)
  if not record or record.token ~= token then
    lost[#lost + 1] = id
  elseif record.cancel then
    cancelled[#cancelled + 1] = id
  else
    lease_until(id, lease_end)
  end
end
redis.call('HSET', P .. 'engine', 'lease', ARGV[2])
redis.call('ZADD', P .. 'procs', now, proc)
redis.call('HSET', P .. 'proc:' .. proc, 'self', ARGV[3])
redis.call('PEXPIRE', P .. 'proc:' .. proc, lease * 4 + 60000)
flush(now)
return { redis.call('EXISTS', P .. 'sweeper'), lost, cancelled }
