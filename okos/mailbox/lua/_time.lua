-- The server's own clock, raw, in milliseconds. Tests compose the scripts with a piece that reads a key instead.
local function raw_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
