-- uses: time clock record
-- Shows what runs, beginning with what is to be renewed soonest.
--
-- KEYS[1]  namespace prefix
-- ARGV     how many at most
-- Returns  {{id, mailbox, queue, process, attempts, ms left of its lease, ms since published} …}
local now = clock()
local items = {}
local leases = redis.call('ZRANGE', P .. 'leases', 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #leases, 2 do
  local record = record_of(leases[i])
  if record then
    items[#items + 1] = {
      leases[i], record.box, record.queue, record.proc or '', record.attempts or 0, leases[i + 1] - now, now - record.at,
    }
  end
end
return items
