-- uses: time clock record place
-- Lets a message that has never started wait longer in its place, or no longer.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, ms from now until it may start
-- Returns  1 if that was done; 0: it has started, has ended, or was never there
local now, limit = clock()
local id = ARGV[1]
local record = record_of(id)
if not record or record.state ~= 'waiting' or not redis.call('LPOS', P .. 'box:' .. record.box, id) then
  return 0
end
record.due = now + tonumber(ARGV[2])
changed[id] = true
reposition(record.box, limit, now)
flush(now)
return 1
