-- uses: time clock record place end publish
-- Accepts one message, once: by its id and by its dedup id.
--
-- KEYS[1]  namespace prefix
-- ARGV     the publication (see _publish)
-- Returns  {'new' | 'seen' | 'full' | 'merged', the id that stands for it}
local now, limit = clock()
local outcome, id = publish(read_publication(1), limit, now, false)
flush(now)
return { outcome, id }
