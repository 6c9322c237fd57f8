-- How a free lock is granted: shared by every script that can grant or hand over.
--
-- Keys of one lock, all in one hash slot:
--   lock      string "<token> <fence> <granted at, us> <info>", with the ttl; also any string of another program
--   fence     the last fencing token, with an expiry long after the last grant
--   queue     sorted set of waiters "<token> <channel> <ttl> <info>", scored by ticket: FIFO
--   presence  sorted set scored by time, us: channels of processes that wait, until when they are believed
--             alive; and tokens that were withdrawn, until when they are refused
local function server_time()
  local clock = redis.call('TIME')
  return clock[1] * 1000000 + clock[2]
end

-- A fencing token grows with every grant: the clock carries it over the loss of the counter, the counter over
-- grants within one microsecond and clocks that step back.
local function grant(lock, fence_key, token, ttl, info, retention, now)
  local at = whole(now)
  local fence = at
  local last = tonumber(redis.call('SET', fence_key, fence, 'PX', retention, 'GET') or 0)
  if last and last >= now then
    fence = whole(last + 1)
    redis.call('SET', fence_key, fence, 'PX', retention)
  end
  redis.call('SET', lock, token .. ' ' .. fence .. ' ' .. at .. ' ' .. info, 'PX', ttl)
  return fence
end

-- The waiters that come next and belong to the same process: how many, and the ticket of the last. They would be
-- served in this order anyway, so the process may pass the lock on among them by itself.
local function run_of(queue, channel)
  local count, last = 0, '0'
  for _, most in ipairs({ 0, 31 }) do
    local ahead = redis.call('ZRANGE', queue, 0, most, 'WITHSCORES')
    while ahead[count * 2 + 1] and string.find(ahead[count * 2 + 1], ' ' .. channel .. ' ', 1, true) do
      count = count + 1
      last = whole(ahead[count * 2])
    end
    if count == 0 then break end
  end
  return count, last
end

-- Hands the lock to the first waiter that is alive, whoever held it before, and tells its process; returns its
-- token and fence. Without one the lock is left free. `self` is the token that runs this script: it is alive,
-- and needs no message. At most 1000 dead waiters a call, so that no call blocks the server for long.
local function serve(lock, fence_key, queue, presence, retention, counts_receivers, self)
  local now
  for _ = 1, 1000 do
    local head = redis.call('ZPOPMIN', queue)[1]
    if not head then break end
    now = now or server_time()
    local token, channel, ttl, info = string.match(head, '^(%S+) (%S+) (%S+) (.*)$')
    if token == self then
      return token, grant(lock, fence_key, token, ttl, info, retention, now)
    end
    local alive_until = redis.call('ZSCORE', presence, channel)
    if alive_until and tonumber(alive_until) >= now then
      -- The write comes first: should it fail, nobody has been told, and the waiter rejoins by its ticket.
      local granted, fence = pcall(grant, lock, fence_key, token, ttl, info, retention, now)
      if not granted then break end
      local count, last = run_of(queue, channel)
      if count > 0 then redis.call('SET', fence_key, whole(fence + count), 'PX', retention) end
      local message = token .. ' ' .. fence .. ' ' .. whole(now) .. ' ' .. ttl .. ' ' .. count .. ' ' .. last
      if redis.call('PUBLISH', channel, message) > 0 or counts_receivers == '0' then return token, fence end
      redis.call('ZREM', presence, channel)
    end
  end
  redis.call('DEL', lock)
end
