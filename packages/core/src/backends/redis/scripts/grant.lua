-- How a free lock is granted: shared by every script that can grant or hand over.
--
-- Keys of one lock, all in one hash slot:
--   lock      string "<token> <fence> <granted at, us> <info>", with the ttl; also any string of another program
--   fence     the last fencing token, with an expiry long after the last grant
--   queue     sorted set of waiters "<token> <channel> <ttl> <info>", scored by ticket: FIFO
--   presence  sorted set scored by time, us: channels of processes that wait, until when they are believed
--             alive; and tokens that were withdrawn, until when they are refused
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function whole(number)
  return string.format('%.0f', number)
end

local now_text = whole(now)

-- A fencing token grows with every grant: the clock carries it over the loss of the counter, the counter over
-- grants within one microsecond and clocks that step back.
local function mint(fence_key, retention)
  local last = tonumber(redis.call('SET', fence_key, now_text, 'PX', retention, 'GET') or 0)
  if last and last >= now then
    local fence = whole(last + 1)
    redis.call('SET', fence_key, fence, 'PX', retention)
    return fence
  end
  return now_text
end

local function grant(lock, fence_key, token, ttl, info, retention)
  local fence = mint(fence_key, retention)
  redis.call('SET', lock, token .. ' ' .. fence .. ' ' .. now_text .. ' ' .. info, 'PX', ttl)
  return fence
end

-- Hands the lock to the first waiter that is alive, whoever held it before, and tells its process; returns its
-- token and fence. Without one the lock is left free. `self` is the token that runs this script: it is alive,
-- and needs no message. At most 1000 dead waiters a call, so that no call blocks the server for long.
local function serve(lock, fence_key, queue, presence, retention, counts_receivers, self)
  for _ = 1, 1000 do
    local head = redis.call('ZPOPMIN', queue)[1]
    if not head then break end
    local token, channel, ttl, info = string.match(head, '^(%S+) (%S+) (%S+) (.*)$')
    if token == self then
      return token, grant(lock, fence_key, token, ttl, info, retention)
    end
    local alive_until = redis.call('ZSCORE', presence, channel)
    if alive_until and tonumber(alive_until) >= now then
      -- The write comes first: under OOM it fails, nobody has been told, and the waiter rejoins by its ticket.
      local granted, fence = pcall(grant, lock, fence_key, token, ttl, info, retention)
      if not granted then break end
      local receivers = redis.call('PUBLISH', channel, token .. ' ' .. fence .. ' ' .. now_text .. ' ' .. ttl)
      if receivers > 0 or counts_receivers == '0' then return token, fence end
      redis.call('ZREM', presence, channel)
    end
  end
  redis.call('DEL', lock)
end
