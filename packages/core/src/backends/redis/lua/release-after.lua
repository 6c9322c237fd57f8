-- A release that frees the key only later.
-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV, three per request: token, 'one' or 'many' (as for release), ms
-- The lease ends by itself after so many ms, sooner or later than it would. Answers 'released' or 'notHeld'
return each(#KEYS / 5, function(i)
  local k = holders.keys(i * 5 - 5)
  local token, held_by, ms = ARGV[i * 3 - 2], ARGV[i * 3 - 1], ARGV[i * 3]
  if held_by == 'many' then
    if type(redis.pcall('ZSCORE', k.lock, token)) ~= 'string' then return 'notHeld' end
    -- A write that needs no memory: after it the server does not refuse the next for want of memory.
    redis.call('ZREM', k.lock, '')
    redis.call('ZADD', k.lock, 'XX', whole(now + ms * 1000), token)
    holders.settle(k)
    return 'released'
  end
  local value = redis.pcall('GET', k.lock)
  if type(value) == 'table' or not owns(value, token) then return 'notHeld' end
  redis.call('PEXPIRE', k.lock, ms)
  return 'released'
end)
