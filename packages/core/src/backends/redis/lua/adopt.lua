-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV, six per request: old token, new token, ttl (ms), 'one' or 'many' (as for release), info, its fencing token
-- The lease of the old token becomes that of the new one. Answers 'adopted <ms left>', 'expired' or 'stolen'
local function adopt_one_of_many(lock, holders, old, new, ttl, info)
  local now = server_time()
  if redis.call('TYPE', lock).ok ~= 'zset' then
    return redis.call('EXISTS', lock) == 1 and 'stolen' or 'expired'
  end
  local from = redis.call('ZSCORE', lock, new) and new or old
  local ends = redis.call('ZSCORE', lock, from)
  if not ends then return 'stolen' end
  if tonumber(ends) <= now then return 'expired' end
  local told = string.match(redis.call('HGET', holders, from), '^%S+ %S+ %S+')
  redis.call('ZREM', lock, from)
  redis.call('HDEL', holders, from)
  local left = math.max(ttl, math.floor((ends - now) / 1000))
  redis.call('ZADD', lock, whole(now + left * 1000), new)
  redis.call('HSET', holders, new, told .. ' ' .. info)
  return left
end

return each(#KEYS / 5, function(i)
  local offset, a = i * 5 - 5, i * 6 - 5
  local lock, holders = KEYS[offset + 1], KEYS[offset + 5]
  local old, new, ttl, held_by, info, fence = unpack(ARGV, a, a + 5)
  ttl = tonumber(ttl)
  local left
  if held_by == 'many' then
    left = adopt_one_of_many(lock, holders, old, new, ttl, info)
    if type(left) == 'string' then return left end
  else
    local value = redis.pcall('GET', lock)
    if not value then return 'expired' end
    if type(value) == 'table' or not (owns(value, old) or owns(value, new)) then return 'stolen' end
    local time = string.match(value, '^%S+ %S+ (%S+)')
    redis.call('SET', lock, new .. ' ' .. fence .. ' ' .. time .. ' ' .. info, 'KEEPTTL')
    left = redis.call('PTTL', lock)
  end
  if left < ttl then left = ttl end
  if redis.call('PTTL', lock) < left then
    redis.call('PEXPIRE', lock, left)
    redis.call('PEXPIRE', holders, left)
  end
  return 'adopted ' .. left
end)
