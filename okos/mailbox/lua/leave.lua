-- uses:
-- A worker process says goodbye: it is not counted as alive any longer, and another may sweep at once.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id
redis.call('ZREM', P .. 'procs', ARGV[1])
redis.call('DEL', P .. 'proc:' .. ARGV[1])
if redis.call('GET', P .. 'sweeper') == ARGV[1] then
  redis.call('DEL', P .. 'sweeper')
end
return 1
