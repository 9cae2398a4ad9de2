-- uses: time clock record place
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
  local record = record_of(id) or {}
  items[i] = {
    id, record.state or '', redis.call('HGET', P .. 'body', id) or '', record.attempts or 0, record.retries or 0,
    record.stalls or 0, now - (record.at or now), math.max(0, (record.due or 0) - now),
    failure_of(id)[1],
  }
end
return {
  place, place == 'timed' and which - now or -1, redis.call('LLEN', P .. 'box:' .. box),
  redis.call('SISMEMBER', P .. 'paused', box), own.jobs, tostring(own.rate), own.burst, items,
}
