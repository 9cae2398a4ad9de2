-- uses: time clock record place
-- Stops a mailbox, or all: what runs goes on, nothing starts. Or lets it go on.
--
-- KEYS[1]  namespace prefix
-- ARGV     mailbox or '' for all, 'pause' | 'resume', the queues that are told when all goes on …
-- Returns  1 if that changed anything, else 0
local now, limit = clock()
local box, pausing = ARGV[1], ARGV[2] == 'pause'
if box == '' then
  if pausing then
    return redis.call('HSET', P .. 'engine', 'paused', 1)
  end
  -- here, and not by the caller: it must work when memory is full
  for i = 3, #ARGV do
    ring_bell(ARGV[i])
  end
  return redis.call('HDEL', P .. 'engine', 'paused')
end
if pausing then
  redis.call('HSET', P .. 'engine', 'pausing', 1)
  return redis.call('SADD', P .. 'paused', box)
end
local was_paused = redis.call('SREM', P .. 'paused', box)
if redis.call('EXISTS', P .. 'paused') == 0 then
  redis.call('HDEL', P .. 'engine', 'pausing')
end
reposition(box, limit, now)
flush(now)
return was_paused
