-- KEYS: lock, fence, queue, presence, holders
-- ARGV: retention (ms), counts_receivers, token or the first characters of it ('' is any)
-- Answers '1' or '0'
local line = make_line(server_time(), ARGV[1], ARGV[2])
local k = line.keys(0)
local held = line.read(k)

local function is_meant(token)
  return string.sub(token, 1, #ARGV[3]) == ARGV[3]
end

local taken = false
if held.value and is_meant(held.value) then
  redis.call('DEL', k.lock)
  taken = true
end
for _, token in ipairs(held.kind and redis.call('ZRANGE', k.lock, 0, -1) or {}) do
  if is_meant(token) then
    line.leave(k, token)
    taken = true
  end
end
if taken then line.serve(k, line.read(k)) end
return { taken and '1' or '0' }
