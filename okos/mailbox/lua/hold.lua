-- uses: time clock record alias place
-- Lets a message that has never started wait longer in its place, or no longer.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, ms from now until it may start, a text that its body must have ('' or nothing: any)
-- Returns  1 if that was done; 0: it has started, has ended, was never there, or its body has not that text
local now, limit = clock()
local id, naming = accepted(ARGV[1]), ARGV[3] or ''
local record = record_of(id)
if not record or record.state ~= 'waiting' or (record.attempts or 0) > 0
  or not redis.call('LPOS', P .. 'box:' .. record.box, id) then
  return 0
end
if naming ~= '' and not string.find(redis.call('HGET', P .. 'body', id) or '', naming, 1, true) then
  return 0 -- it was replaced
end
record.due = now + tonumber(ARGV[2])
changed[id] = true
reposition(record.box, limit, now)
flush(now)
return 1
