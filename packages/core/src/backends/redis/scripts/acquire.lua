-- KEYS, four per request: lock, fence, queue, presence
-- ARGV: not_after (us of server time), channel, alive (us), keep (ms), retention (ms), counts_receivers,
--       then four per request: token, ttl (ms), ticket, info
--       ticket: '' does not queue; '0' queues at the end; else the place in the queue it had before
-- Answers 'granted <now> <fence> <ms left> <rejoined>', 'busy <now> <ms left or -1> <ticket> <rejoined> <holder>',
--         'late <now>' or 'withdrawn <now>'; rejoined is 1 when the place in the queue had been lost
local not_after, channel, alive, keep, retention, counts_receivers =
  tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local function join(queue, presence, ticket, member)
  local first = ticket == '0'
  if first then
    local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
    ticket = whole(math.max(now, (tonumber(last) or 0) + 1))
  end
  local added = redis.call('ZADD', queue, 'NX', ticket, member)
  if added == 0 then ticket = whole(redis.call('ZSCORE', queue, member)) end
  redis.call('ZADD', presence, whole(now + alive), channel)
  redis.call('PEXPIRE', queue, keep)
  redis.call('PEXPIRE', presence, keep)
  return ticket, (added == 1 and not first) and '1' or '0'
end

local function granted(fence, left, rejoined)
  return 'granted ' .. now_text .. ' ' .. fence .. ' ' .. left .. ' ' .. rejoined
end

local function busy(lock, ticket, rejoined)
  local value = redis.call('GET', lock) or ''
  return 'busy ' .. now_text .. ' ' .. redis.call('PTTL', lock) .. ' ' .. ticket .. ' ' .. rejoined .. ' '
    .. string.sub(value, 1, 2048)
end

local function acquire(lock, fence_key, queue, presence, token, ttl, ticket, info)
  if now > not_after then return 'late ' .. now_text end
  local value = redis.call('GET', lock)
  if owns(value, token) then
    return granted(string.match(value, '^%S+ (%S+)'), redis.call('PTTL', lock), '0')
  end
  local quiet = redis.call('EXISTS', queue, presence) == 0
  if not quiet and redis.call('ZSCORE', presence, token) then return 'withdrawn ' .. now_text end
  if not value and (quiet or redis.call('EXISTS', queue) == 0) then
    -- One that had a place in a queue that is gone: the server lost its data, and others lost their places too.
    local rejoined = (ticket == '' or ticket == '0') and '0' or '1'
    return granted(grant(lock, fence_key, token, ttl, info, retention), ttl, rejoined)
  end
  local rejoined = '0'
  if ticket ~= '' then
    ticket, rejoined = join(queue, presence, ticket, token .. ' ' .. channel .. ' ' .. ttl .. ' ' .. info)
  end
  if not value then
    -- The last holder died, or another program freed the key: nobody handed it over, so do it now.
    local winner, fence = serve(lock, fence_key, queue, presence, retention, counts_receivers, token)
    if not winner and redis.call('EXISTS', queue) == 0 then
      winner, fence = token, grant(lock, fence_key, token, ttl, info, retention)
    end
    if winner == token then return granted(fence, ttl, rejoined) end
  end
  return busy(lock, ticket == '' and '-' or ticket, rejoined)
end

return each(#KEYS / 4, function(i)
  local k, a = i * 4 - 3, i * 4 + 3
  return acquire(KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
end)
