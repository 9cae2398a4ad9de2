-- uses: time clock
-- Shows the limits in force: everybody's, and those of mailboxes that have their own.
--
-- KEYS[1]  namespace prefix
-- ARGV     how many mailboxes at most
-- Returns  {jobs, rate, burst, all_rate, all_burst, {mailbox, its own (JSON) …}, {paused mailbox …}, all paused (0|1)}
local _, limit = clock()
local own, paused = {}, {}
local most = tonumber(ARGV[1])
for i, value in ipairs(redis.call('HGETALL', P .. 'override')) do
  if i > 2 * most then
    break
  end
  own[i] = i % 2 == 1 and value or cjson.encode(cmsgpack.unpack(value))
end
for i, box in ipairs(redis.call('SMEMBERS', P .. 'paused')) do
  if i > most then
    break
  end
  paused[i] = box
end
return {
  limit.jobs, tostring(limit.rate), limit.burst, tostring(limit.all_rate), limit.all_burst, own, paused,
  limit.paused and 1 or 0,
}
