-- uses: time clock place end publish
-- Gives dead letters another life: to the tail of their mailboxes, counted and charged anew. Asked twice, done once.
--
-- KEYS[1]  namespace prefix
-- ARGV     id…
-- Returns  how many were requeued
local now, limit = clock()
local requeued = 0
for _, id in ipairs(ARGV) do
  local key = P .. 'msg:' .. id
  if redis.call('ZREM', P .. 'dead', id) == 1 then
    redis.call('HSET', key, 'state', 'waiting')
    redis.call('HDEL', key, 'error', 'trace', 'ended', 'retries', 'stalls', 'attempts', 'charged', 'started', 'due', 'proc')
    redis.call('HINCRBY', key, 'epoch', 1)
    count('requeued')
    join_mailbox(id, redis.call('HGET', key, 'box'), limit, now)
    requeued = requeued + 1
  end
end
flush()
return requeued
