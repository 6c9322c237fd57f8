-- KEYS, one per request: lock
-- ARGV, two per request: token, ttl (ms)
-- Answers 'renewed <ms left>', 'expired' or 'stolen'. Only PEXPIRE writes: it also works when memory is full.
return each(#KEYS, function(i)
  local value, ttl = redis.call('GET', KEYS[i]), tonumber(ARGV[i * 2])
  if not value then return 'expired' end
  if not owns(value, ARGV[i * 2 - 1]) then return 'stolen' end
  local left = redis.call('PTTL', KEYS[i])
  if left < ttl then
    left = ttl
    redis.call('PEXPIRE', KEYS[i], ttl)
  end
  return 'renewed ' .. left
end)
