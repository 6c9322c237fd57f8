-- KEYS, four per request: lock, fence, queue, presence
-- ARGV: channel, retention (ms), counts_receivers, keep (ms),
--       then four per request: token, ttl, info, unanswered ('1': an attempt may still arrive and must fail)
-- Answers 'withdrawn'
local channel, retention, counts_receivers, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

return each(#KEYS / 4, function(i)
  local k, a = i * 4 - 3, i * 4 + 1
  local lock, fence_key, queue, presence = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local token = ARGV[a]
  redis.call('ZREM', queue, token .. ' ' .. channel .. ' ' .. ARGV[a + 1] .. ' ' .. ARGV[a + 2])
  if owns(redis.call('GET', lock), token) then
    serve(lock, fence_key, queue, presence, retention, counts_receivers)
  end
  if ARGV[a + 3] == '1' then
    local now = server_time()
    redis.call('ZREMRANGEBYSCORE', presence, '-inf', '(' .. whole(now))
    redis.call('ZADD', presence, whole(now + keep * 1000), token)
    redis.call('PEXPIRE', presence, keep)
  end
  return 'withdrawn'
end)
