-- The short way of a release: of an exclusive key that nobody waits for. Requests are taken in their order, until one of
-- them needs more: see release.lua.
local replies, count, done = {}, (#ARGV - 1) / 2, 0

while done < count do
  local token, value = ARGV[done * 2 + 2], redis.pcall('GET', KEYS[done * 5 + 1])
  if ARGV[done * 2 + 3] ~= 'one' then break end
  local held = type(value) == 'string' and string.sub(value, 1, #token + 1) == token .. ' '
  if held then
    if redis.call('EXISTS', KEYS[done * 5 + 3]) == 1 then break end
    redis.call('DEL', KEYS[done * 5 + 1])
  end
  done = done + 1
  replies[done] = held and 'released' or 'notHeld'
end
if done == count then return replies end
