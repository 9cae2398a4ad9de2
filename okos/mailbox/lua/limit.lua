-- uses:
-- Writes the policy that every transition reads.
--
-- KEYS[1]  namespace prefix
-- ARGV     jobs (window of a mailbox), rate (starts per second and mailbox, 0: no limit), burst (cost units)
redis.call('HSET', P .. 'engine', 'jobs', ARGV[1], 'rate', ARGV[2], 'burst', ARGV[3])
return 1
