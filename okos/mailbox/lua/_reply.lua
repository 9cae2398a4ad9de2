-- The last replies to a process: a call whose reply was lost is repeated with its sequence, and gets the same again.
--
-- {ns}:proc:{process}  hash  claim, claimed: sequence and ids of its last claim; settle, settled: of its last settle;
--                            what it says of itself (renew). Expires a few leases after its last sign.
local PROC_MS = 600000

local last_replies
local new_replies = {}

-- Returns the reply to this very call, packed, or nil.
local function reply_to(proc, what, seq)
  if not last_replies then
    local kept = redis.call('HMGET', P .. 'proc:' .. proc, 'claim', 'claimed', 'settle', 'settled')
    last_replies = { claim = { kept[1], kept[2] }, settle = { kept[3], kept[4] } }
  end
  local last = last_replies[what]
  return last[1] == seq and last[2] or nil
end

local function keep_reply(what, seq, reply)
  local n = #new_replies
  new_replies[n + 1], new_replies[n + 2] = what, seq
  new_replies[n + 3], new_replies[n + 4] = what == 'claim' and 'claimed' or 'settled', cmsgpack.pack(reply)
end

local function flush_replies(proc)
  if #new_replies > 0 and redis.call('HSET', P .. 'proc:' .. proc, unpack(new_replies)) > 0 then
    redis.call('PEXPIRE', P .. 'proc:' .. proc, PROC_MS)
  end
end
