-- The short way of an acquire, which most take: exclusive, one key without holders and waiters. It ends before all that the
-- other ways need is even defined. Requests are taken in their order, until one of them needs more: see acquire.lua.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local now_text = string.format('%.0f', now)
local not_after, retention = tonumber(ARGV[1]), ARGV[2]
local replies, count, done = {}, (#ARGV - 3) / 5, 0

while done < count and now <= not_after do
  local k, a = done * 5 + 1, done * 5 + 4
  if ARGV[a + 2] ~= 'x' or redis.call('EXISTS', KEYS[k], KEYS[k + 2], KEYS[k + 3]) ~= 0 then break end
  local last, fence = redis.pcall('GET', KEYS[k + 1]), now
  if last then
    last = tonumber(last)
    if not last or last >= 9007199254740990 then break end
    fence = math.max(now, last + 1)
  end
  local text = fence == now and now_text or string.format('%.0f', fence)
  if redis.pcall('SET', KEYS[k + 1], text, 'PX', retention).err then break end
  if redis.pcall('SET', KEYS[k], ARGV[a] .. ' ' .. text .. ' ' .. now_text .. ' ' .. ARGV[a + 4], 'PX', ARGV[a + 1]).err then
    break
  end
  done = done + 1
  replies[done] = fence
end
if done == count then
  replies[done + 1] = now
  return replies
end
