-- uses: time clock record
-- Shows what is delayed, the soonest first.
--
-- KEYS[1]  namespace prefix
-- ARGV     how many at most
-- Returns  {{id, mailbox, queue, body, ms until due} …}
local now = clock()
local items = {}
local delayed = redis.call('ZRANGE', P .. 'delayed', 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #delayed, 2 do
  local id = string.sub(delayed[i], 17)
  local record = record_of(id)
  if record then
    items[#items + 1] = { id, record.box, record.queue, redis.call('HGET', P .. 'body', id) or '', delayed[i + 1] - now }
  end
end
return items
