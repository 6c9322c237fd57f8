-- KEYS, two per request: lock, queue
-- ARGV, three per request: token, ttl (ms), claim
--       claim: '', or '<alias> <first> <last> <fence> <granted at, us> <info>' of a lock that was passed on within its
--       process: its holder takes it over in its own name
-- Answers 'renewed <ms left> <1: in its own name>', 'expired' or 'stolen'. Only PEXPIRE must succeed: extending
-- works also when memory is full.
return each(#KEYS / 2, function(i)
  local lock, token, ttl, claim = KEYS[i * 2 - 1], ARGV[i * 3 - 2], tonumber(ARGV[i * 3 - 1]), ARGV[i * 3]
  local value = redis.call('GET', lock)
  local named = owns(value, token)
  local owned = named
  if claim ~= '' then
    local alias, first, last, rest = string.match(claim, '^(%S+) (%S+) (%S+) (.*)$')
    redis.call('ZREMRANGEBYSCORE', KEYS[i * 2], first, last)
    if owns(value, alias) then
      owned = true
      named = not redis.pcall('SET', lock, token .. ' ' .. rest, 'KEEPTTL').err
    end
  end
  if not owned then return value and 'stolen' or 'expired' end
  local left = redis.call('PTTL', lock)
  if left < ttl then
    left = ttl
    redis.call('PEXPIRE', lock, ttl)
  end
  return 'renewed ' .. left .. ' ' .. (named and '1' or '0')
end)
