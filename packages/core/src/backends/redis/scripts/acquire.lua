-- KEYS, four per request: lock, fence, queue, presence
-- ARGV: not_after (us of server time), retention (ms), "<channel> <alive, us> <keep, ms> <counts_receivers>",
--       then four per request: token, ttl (ms), ticket, info
--       ticket: '' does not queue; '0' queues at the end; else the place in the queue it had before
-- Answers 'granted <now> <fence> <ms left> <rejoined>', 'busy <now> <ms left or -1> <ticket> <rejoined> <holder>',
--         'late <now>' or 'withdrawn <now>'; rejoined is 1 when the place in the queue had been lost
local now = server_time()
local now_text = whole(now)
local not_after, retention = tonumber(ARGV[1]), ARGV[2]

local function granted(fence, left, rejoined)
  return 'granted ' .. now_text .. ' ' .. fence .. ' ' .. left .. ' ' .. rejoined
end

local function busy(lock, ticket, rejoined)
  local value = redis.call('GET', lock) or ''
  return 'busy ' .. now_text .. ' ' .. redis.call('PTTL', lock) .. ' ' .. ticket .. ' ' .. rejoined .. ' '
    .. string.sub(value, 1, 2048)
end

local function contended(lock, fence_key, queue, presence, token, ttl, ticket, info, value)
  local channel, alive, keep, counts_receivers = string.match(ARGV[3], '^(%S+) (%S+) (%S+) (%S+)$')

  local function join()
    local first = ticket == '0'
    if first then
      local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
      ticket = whole(math.max(now, (tonumber(last) or 0) + 1))
    end
    local member = token .. ' ' .. channel .. ' ' .. ttl .. ' ' .. info
    local added = redis.call('ZADD', queue, 'NX', ticket, member)
    if added == 0 then ticket = whole(redis.call('ZSCORE', queue, member)) end
    redis.call('ZADD', presence, whole(now + alive), channel)
    redis.call('PEXPIRE', queue, keep)
    redis.call('PEXPIRE', presence, keep)
    return (added == 1 and not first) and '1' or '0'
  end

  if redis.call('ZSCORE', presence, token) then return 'withdrawn ' .. now_text end
  local rejoined = '0'
  if not value and redis.call('EXISTS', queue) == 0 then
    -- One that had a place in a queue that is gone: the server lost its data, and others lost their places too.
    if ticket ~= '' and ticket ~= '0' then rejoined = '1' end
    return granted(grant(lock, fence_key, token, ttl, info, retention, now), ttl, rejoined)
  end
  if ticket ~= '' then rejoined = join() end
  if not value then
    -- The last holder died, or another program freed the key: nobody handed it over, so do it now.
    local winner, fence = serve(lock, fence_key, queue, presence, retention, counts_receivers, token)
    if not winner and redis.call('EXISTS', queue) == 0 then
      winner, fence = token, grant(lock, fence_key, token, ttl, info, retention, now)
    end
    if winner == token then return granted(fence, ttl, rejoined) end
  end
  return busy(lock, ticket == '' and '-' or ticket, rejoined)
end

return each(#KEYS / 4, function(i)
  if now > not_after then return 'late ' .. now_text end
  local k, a = i * 4, i * 4
  local lock, fence_key, queue, presence = KEYS[k - 3], KEYS[k - 2], KEYS[k - 1], KEYS[k]
  local token, ttl, ticket, info = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local value = redis.call('GET', lock)
  if owns(value, token) then
    return granted(string.match(value, '^%S+ (%S+)'), redis.call('PTTL', lock), '0')
  end
  if not value and redis.call('EXISTS', queue, presence) == 0 then
    return granted(grant(lock, fence_key, token, ttl, info, retention, now), ttl, '0')
  end
  return contended(lock, fence_key, queue, presence, token, ttl, ticket, info, value)
end)
