-- The short way of an acquire, which most take: exclusive, one key without holders and waiters. It ends before all that the
-- other ways need is even defined. Requests are taken in their order, until one of them needs more: see acquire.lua.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local now_text = string.format('%.0f', now)
local not_after, retention = tonumber(ARGV[1]), ARGV[2]

-- The fencing token of a request whose keys begin at `k`, and whose arguments at `a`; nil where it needs more.
local function grant_free(k, a)
  if ARGV[a + 2] ~= 'x' or redis.call('EXISTS', KEYS[k], KEYS[k + 2], KEYS[k + 3]) ~= 0 then return nil end
  local last, fence, text = redis.pcall('GET', KEYS[k + 1]), now, now_text
  if last then
    last = tonumber(last)
    if not last or last >= 9007199254740990 then return nil end
    if last >= now then
      fence = last + 1
      text = string.format('%.0f', fence)
    end
  end
  if redis.pcall('SET', KEYS[k + 1], text, 'PX', retention).err then return nil end
  local value = ARGV[a] .. ' ' .. text .. ' ' .. now_text .. ' ' .. ARGV[a + 4]
  return not redis.pcall('SET', KEYS[k], value, 'PX', ARGV[a + 1]).err and fence or nil
end

local replies, count, done = {}, (#ARGV - 3) / 5, 0
while done < count and now <= not_after do
  local fence = grant_free(done * 5 + 1, done * 5 + 4)
  if not fence then break end
  done = done + 1
  replies[done] = fence
end
if done == count then
  replies[done + 1] = now
  return replies
end
