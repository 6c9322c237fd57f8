-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), then four per request: token, ttl (ms), 'one' or 'many' (as for release), fence
--       fence: '', or what the counter is to be raised to
-- Answers 'renewed <ms left>', 'expired' or 'stolen'. Only PEXPIRE must succeed: extending
-- works also when memory is full.
local function extend_one_of_many(lock, holders, token, ttl)
  local ends = redis.pcall('ZSCORE', lock, token)
  if type(ends) == 'table' then return 'stolen' end
  local now = server_time()
  if not ends then return redis.call('EXISTS', lock) == 1 and 'stolen' or 'expired' end
  if tonumber(ends) <= now then return 'expired' end
  local left = math.floor((ends - now) / 1000)
  if left < ttl then
    left = ttl
    if redis.call('PTTL', lock) < ttl then
      redis.call('PEXPIRE', holders, ttl)
      redis.call('PEXPIRE', lock, ttl)
    else
      -- A write that needs no memory: after it the server does not refuse the next for want of memory.
      redis.call('ZREM', lock, '')
    end
    redis.call('ZADD', lock, 'XX', whole(now + ttl * 1000), token)
  end
  return 'renewed ' .. left
end

local function raise(fence_key, fence)
  if fence == '' or (tonumber(redis.call('GET', fence_key) or nil) or 0) >= tonumber(fence) then return end
  redis.call('SET', fence_key, fence, 'PX', ARGV[1])
end

return each(#KEYS / 5, function(i)
  local offset, a = i * 5 - 5, i * 4 - 2
  local lock, fence_key, holders = KEYS[offset + 1], KEYS[offset + 2], KEYS[offset + 5]
  local token, ttl, held_by, fence = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], ARGV[a + 3]
  if held_by == 'many' then
    local answer = extend_one_of_many(lock, holders, token, ttl)
    if string.find(answer, '^renewed') then raise(fence_key, fence) end
    return answer
  end
  local value = redis.pcall('GET', lock)
  if type(value) == 'table' then return 'stolen' end
  if not owns(value, token) then return value and 'stolen' or 'expired' end
  local left = redis.call('PTTL', lock)
  if left < ttl then
    left = ttl
    redis.call('PEXPIRE', lock, ttl)
  end
  raise(fence_key, fence)
  return 'renewed ' .. left
end)
