-- uses: time clock record place end publish finish reply settle
-- Ends attempts: what a handler wants done is written here, in the same step that frees its mailbox, or not at all.
-- Only the live token of an attempt changes anything. Repeated with the same sequence it returns its first reply.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, sequence, keep of done, keep of dead, number of attempts, then for each:
--          id, token, 'done' (acknowledged, and nothing else to write), or
--          id, token, 'ack' | 'retry' | 'dead' | 'told' (dead, and its user is told by an effect) | 'release' | 'unstarted' | 'defer', delay (ms), real cost | '',
--          error, traceback, number of effects, then for each effect:
--            'publish', publication | 'append', name, value, keep, ttl (ms) | 'put', name, value, ttl (ms) | 'delete', name
-- Returns  for each attempt 'ok' | 'cancelled' (it was flagged meanwhile; it ends without effects) | 'lost' (its token was
--          not the live one; nothing was written)
local now, limit = clock()
local replies = settle(1, limit, now)
flush(now)
flush_replies(ARGV[1])
return replies
