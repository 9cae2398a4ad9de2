-- uses: time clock record place end publish
-- Accepts several messages, each as publish does, and writes with them how far their sender has come: all or nothing.
-- A sender that must be the only one is fenced by its lease.
--
-- KEYS[1]  namespace prefix
-- ARGV     lease or '' (none is needed), its holder, number of fields, then field, value for each, number of messages,
--          then the publication of each (see _publish)
-- Returns  {outcome, the id that stands for it …} as publish gives them; or 0: the lease is another's, nothing was written
--
-- {ns}:progress      hash    field -> how far a sender has come, as it says; kept for ever
-- {ns}:lease:{name}  string  who holds it; expires unless it is renewed
local lease, holder, fields = ARGV[1], ARGV[2], tonumber(ARGV[3])
if lease ~= '' and redis.call('GET', P .. 'lease:' .. lease) ~= holder then
  return 0
end

local i = 5 + 2 * fields
local publications = {}
for p = 1, tonumber(ARGV[i - 1]) do
  publications[p], i = read_publication(i)
end

local now, limit = clock()
local replies = {}
for p, publication in ipairs(publications) do
  replies[2 * p - 1], replies[2 * p] = publish(publication, limit, now, false)
end
if fields > 0 then
  redis.call('HSET', P .. 'progress', unpack(ARGV, 4, 3 + 2 * fields))
end
flush(now)
return replies
