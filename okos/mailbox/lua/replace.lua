-- uses: time clock record alias place
-- Replaces the body of a message that has never started, and lets it wait for what the new one needs. Of one that was
-- merged it is the part that it has in the message which it was merged into.
--
-- KEYS[1]  namespace prefix
-- ARGV     id, body, ms from now until it may start ('' or nothing: as it is), unless the body that is replaced has the
--          text that follows
-- Returns  2 if it was replaced and waits as said; 1: it was replaced; 0: it has started, has ended, or was never there
local now, limit = clock()
local id, body, wait_ms, naming = accepted(ARGV[1]), ARGV[2], ARGV[3] or '', ARGV[4]
local record = record_of(id)
if not record or (record.state ~= 'waiting' and record.state ~= 'delayed') or (record.attempts or 0) > 0 then
  return 0
end
if record.state == 'waiting' and not redis.call('LPOS', P .. 'box:' .. record.box, id) then
  return 0 -- its mailbox was cancelled whole
end
local merged, part = {}, nil
if id ~= ARGV[1] then
  merged = unpacked(redis.call('HGET', P .. 'merged', id), {})
  for i, alias in pairs(aliases_of(id)) do
    part = alias == ARGV[1] and i or part
  end
  if not part or not merged[part] then
    return 0
  end
end
local replaced = part and merged[part] or redis.call('HGET', P .. 'body', id) or ''
local waits = wait_ms ~= '' and record.state == 'waiting' and not string.find(replaced, naming, 1, true)
record.bytes = record.bytes + #body - #replaced
changed[id] = true
if part then
  merged[part] = body
  redis.call('HSET', P .. 'merged', id, cmsgpack.pack(merged))
else
  redis.call('HSET', P .. 'body', id, body)
end
if waits then
  record.due = now + tonumber(wait_ms)
  reposition(record.box, limit, now)
end
flush(now)
return waits and 2 or 1
