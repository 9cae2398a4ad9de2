-- uses: time clock record
-- Shows a page of the completed messages that are kept, the newest first: what comes meanwhile is shown twice, not missed.
--
-- KEYS[1]  namespace prefix
-- ARGV     how many to skip, how many to show
-- Returns  {{id, mailbox} …}
local items = {}
for i, id in ipairs(redis.call('ZREVRANGE', P .. 'done', ARGV[1], ARGV[1] + ARGV[2] - 1)) do
  items[i] = { id, (record_of(id) or {}).box or '' }
end
return items
