-- uses: time clock record place end
-- Cancels everything in a mailbox; what is delayed is not in it and stays.
--
-- KEYS[1]  namespace prefix
-- ARGV     mailbox, reason
-- Returns  {waiting ones cancelled, running ones flagged}
local now, limit = clock()
local cancelled, flagged = supersede(ARGV[1], limit, ARGV[2], now)
flush(now)
return { cancelled, flagged }
