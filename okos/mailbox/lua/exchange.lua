-- uses: time clock record place end publish promote finish reply settle claim
-- Ends attempts and starts others in one step, as settle and claim do: what a busy process asks for all the time.
--
-- KEYS[1]  namespace prefix
-- ARGV     number of settle's arguments, settle's arguments, claim's arguments
-- Returns  {settle's reply, claim's reply}
local now, limit = clock()
local settled = settle(2, limit, now)
local claimed = claim(2 + tonumber(ARGV[1]), limit, now)
flush(now)
flush_replies(ARGV[2])
return { settled, claimed }
