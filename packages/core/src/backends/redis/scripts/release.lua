-- KEYS, four per request: lock, fence, queue, presence
-- ARGV: retention (ms), counts_receivers, then two per request: token, claim
--       claim: '', or '<alias> <first> <last>' of a lock that was passed on within its process: the token under which
--       it was handed over, and the tickets of the first and last waiter who were served since
-- Answers 'released' or 'notHeld'
return each(#KEYS / 4, function(i)
  local k = i * 4
  local lock, queue, token, claim = KEYS[k - 3], KEYS[k - 1], ARGV[i * 2 + 1], ARGV[i * 2 + 2]
  local value = redis.call('GET', lock)
  local owned = owns(value, token)
  if claim ~= '' then
    local alias, first, last = string.match(claim, '^(%S+) (%S+) (%S+)$')
    redis.call('ZREMRANGEBYSCORE', queue, first, last)
    owned = owned or owns(value, alias)
  end
  if not owned then return 'notHeld' end
  serve(lock, KEYS[k - 2], queue, KEYS[k], ARGV[1], ARGV[2])
  return 'released'
end)
