-- Ends the attempt of a message whose process does not come back.

-- Returns its record, and what becomes of it: 'stalled' (it runs again, as the first of its mailbox), 'dead', or
-- 'cancelled'; nil if it does not run.
local function stall(id, max_stalls, keep_dead, limit, now)
  local record, verdict = record_of(id), nil
  unlease(id)
  if record and record.cancel then
    verdict = 'cancelled'
    cancel_waiting(id, record)
    reposition(record.box, limit, now)
  elseif record and record.state == 'running' then
    count('stalled')
    local stalls = (record.stalls or 0) + 1
    verdict = 'stalled'
    record.stalls = stalls
    -- it was a suspect, so no other was in the hands of that process
    if stalls > (record.max_stalls or max_stalls) then
      verdict = 'dead'
      bury(id, record, 'stalled: the worker process ended ' .. stalls .. ' times while running it', '', false, keep_dead, limit, now)
    else
      record.state, record.due, record.started, record.token = 'backoff', 0, 1, nil
      changed[id] = true
    end
    reposition(record.box, limit, now, true)
  end
  return record, verdict
end
