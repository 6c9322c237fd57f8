-- Says who has an exclusive lease by now, whose owner token stays the same, prolongs it, and reserves fencing tokens for those
-- who get it next: see lease/relay.ts.
-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), then six per request: token, ttl (ms), fence, held for (us), how many to reserve, info
--       fence: '' for the first that is reserved
-- Answers 'renewed <ms left> <first> <last>', without the last two where none is reserved; 'expired' or 'stolen'. Only PEXPIRE
-- must succeed: that works also when memory is full.
local retention, now = ARGV[1], server_time()

-- Those before were used, or are for this process.
local function reserve(fence_key, count)
  if count == 0 then return nil end
  local counter = redis.pcall('GET', fence_key)
  local first = math.max((type(counter) == 'string' and tonumber(counter) or 0) + 1, now)
  local last = first + count - 1
  if last > LARGEST_FENCE or redis.pcall('SET', fence_key, whole(last), 'PX', retention).err then return nil end
  return whole(first), whole(last)
end

return each(#KEYS / 5, function(i)
  local lock, fence_key = KEYS[i * 5 - 4], KEYS[i * 5 - 3]
  local token, ttl, fence, held_for, count, info = unpack(ARGV, i * 6 - 4, i * 6 + 1)
  local value = redis.pcall('GET', lock)
  if type(value) == 'table' then return 'stolen' end
  if not owns(value, token) then return value and 'stolen' or 'expired' end
  local left = redis.call('PTTL', lock)
  if left < tonumber(ttl) then
    left = ttl
    redis.call('PEXPIRE', lock, ttl)
  end
  local first, last = reserve(fence_key, tonumber(count))
  if fence == '' then fence = first end
  if fence then
    redis.pcall('SET', lock, token .. ' ' .. fence .. ' ' .. whole(now - held_for) .. ' ' .. info, 'KEEPTTL')
  end
  return 'renewed ' .. left .. (first and ' ' .. first .. ' ' .. last or '')
end)
