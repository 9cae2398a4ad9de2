-- uses: time clock record place end publish promote finish reply settle claim
-- Ends attempts and starts others in one step, as settle and claim do: what a busy process asks for all the time.
--
-- KEYS[1]  namespace prefix
-- ARGV     number of settle's arguments, settle's arguments, claim's arguments
-- Returns  {settle's reply, claim's reply}
local AGAIN_MS = 1000

local now, limit = clock()
local settled = settle(2, limit, now)
-- what has ended is written whatever becomes of the claim, which only something damaged can stop
local is_claimed, claimed = pcall(claim, 2 + tonumber(ARGV[1]), limit, now)
flush(now)
flush_replies(ARGV[2])
if not is_claimed then
  redis.log(redis.LOG_WARNING, 'okos: nothing is claimed: ' .. tostring(type(claimed) == 'table' and claimed.err or claimed))
  claimed = { AGAIN_MS, 0, {} }
end
return { settled, claimed }
