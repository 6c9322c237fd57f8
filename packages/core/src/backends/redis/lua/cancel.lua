-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: channel, keep (ms),
--       then five per request: token, ttl, mode (as it stands in the queue), info, unanswered ('1': an attempt may
--       still arrive and must fail)
-- Answers 'cancelled'
local channel, keep = ARGV[1], ARGV[2]

return each(#KEYS / 5, function(i)
  local a, k = i * 5 - 2, holders.keys(i * 5 - 5)
  local token, ttl, mode, info, unanswered = unpack(ARGV, a, a + 4)
  if unanswered == '1' then queue.refuse(k, token, keep) end
  local held = holders.read(k)
  if owns(held.value, token) then
    redis.call('DEL', k.lock)
  elseif held.kind and redis.call('ZSCORE', k.lock, token) then
    holders.leave(k, token)
  end
  queue.drop(k, token .. ' ' .. channel .. ' ' .. ttl .. ' ' .. mode .. ' ' .. info)
  -- The waiters behind it may come next now.
  queue.serve_next(k)
  return 'cancelled'
end)
