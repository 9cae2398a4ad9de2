-- uses: time clock record place end publish finish stall
-- Takes back what one process holds, from whoever knows that it is gone: its attempts have stalled, now and not when
-- their leases run out. Only the holder of a lease knows it, of the process that held that lease before. A part a
-- call; what moves between two parts and is missed is left to the sweep.
--
-- KEYS[1]  namespace prefix
-- ARGV     process id, lease, holder, max_stalls, keep of dead, position among all that run (0 to begin)
-- Returns  {position of the next part | -1, {id, mailbox, process, 'stalled' | 'dead' | 'cancelled' …}};
--          0: the lease is another's, and nothing was done
local proc, max_stalls, keep_dead, position = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local PART = 1024

local now, limit = clock()
if redis.call('GET', P .. 'lease:' .. ARGV[2]) ~= ARGV[3] then
  return 0
end

local part = redis.call('ZRANGE', P .. 'leases', position, position + PART - 1)
local stalled = {}
for _, id in ipairs(part) do
  local record = record_of(id)
  if record and record.state == 'running' and record.proc == proc then
    local _, verdict = stall(id, max_stalls, keep_dead, limit, now)
    for _, value in ipairs({ id, record.box, proc, verdict }) do
      stalled[#stalled + 1] = value
    end
  end
end
flush(now)
return { #part == PART and position + PART - #stalled / 4 or -1, stalled }
