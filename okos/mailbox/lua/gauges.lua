-- uses: time clock record oldest
-- How it stands, beyond what stats tells.
--
-- KEYS[1]  namespace prefix
-- ARGV     queue… to be looked at beside those that workers serve
-- Returns  {ms that the oldest startable message has waited | -1, all are paused (0|1), paused mailboxes,
--           the process that sweeps | ''}
local now, limit = clock()
return {
  oldest_wait(ARGV, now),
  limit.paused and 1 or 0,
  redis.call('SCARD', P .. 'paused'),
  redis.call('GET', P .. 'sweeper') or '',
}
