-- uses: time clock record place end publish promote reply claim
-- Starts up to n messages, each the next of its mailbox, for one worker process. Repeated with the same sequence
-- (the reply was lost) it returns what it had started.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, sequence, n, most body bytes, lease (ms), 64 random bits, may hold a suspect (0|1),
--          max_stalls, number of queues, queue…
-- Returns  {ms until the next due moment | -1, ready work is left (0|1),
--           {{id, token, body, mailbox, ms since published, attempts, and if any of these is not 0: retries, stalls,
--             suspect (0|1), epoch, {body merged into it …}} …}}
local now, limit = clock()
local reply = claim(1, limit, now)
flush(now)
flush_replies(ARGV[1])
return reply
