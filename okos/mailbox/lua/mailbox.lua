-- uses: time clock place
-- Shows a mailbox: where it is, and what is in it.
--
-- KEYS[1]  namespace prefix
-- ARGV     mailbox, first position, last position
-- Returns  {place, ms until it may start | -1, length, paused (0|1), jobs, rate, burst,
--           {{id, state, actor's body, attempts, retries, stalls, ms since published, ms until due, error} …}}
local now, limit = clock()
local box = ARGV[1]
local own = limit_of(box, limit)
local place, which = look(box, own, now)
local items = {}
for i, id in ipairs(redis.call('LRANGE', P .. 'box:' .. box, ARGV[2], ARGV[3])) do
  local r = redis.call('HMGET', P .. 'msg:' .. id, 'state', 'body', 'attempts', 'retries', 'stalls', 'at', 'due', 'error')
  items[i] = {
    id, r[1], r[2], tonumber(r[3]) or 0, tonumber(r[4]) or 0, tonumber(r[5]) or 0, now - (tonumber(r[6]) or now),
    math.max(0, (tonumber(r[7]) or 0) - now), r[8] or '',
  }
end
return {
  place, place == 'timed' and which - now or -1, redis.call('LLEN', P .. 'box:' .. box),
  redis.call('SISMEMBER', P .. 'paused', box), own.jobs, tostring(own.rate), own.burst, items,
}
