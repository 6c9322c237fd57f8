-- The server's time, and the fencing tokens that are counted by it.
--
-- Keys of one lock, all in one hash slot:
--   lock      held exclusively: string "<token> <fence> <granted at, us> <info>", with the ttl; also any string of
--             another program. Held by many: sorted set of tokens, scored by the end of each lease, us
--             The fence 0 is an offer: the key is kept for that token for a moment, until it asks; see queue.lua
--   fence     the last fencing token, with an expiry long after the last grant
--   queue     sorted set of waiters "<token> <channel> <ttl> <mode> <info>", scored by ticket: FIFO
--   liveness  sorted set scored by time, us: channels of processes that wait, until when they are believed
--             alive; and tokens that were cancelled, until when they are refused
--   holders   of a lock held by many: hash of token -> "<fence> <granted at, us> <slot or -> <info>", with
--             'kind' ('s' or 'p'), and 'permits', the smallest number that was asked for
--
-- Modes: 'x' exclusive, 's' shared, 'p<permits>' one of so many permits, 'p<permits>:<slot>' one with a slot, where
-- slot 0 is any. Over several keys 'x+<n>' or 's+<n>': in a request how many keys, in a queue which of them it is.
local function server_time()
  local clock = redis.call('TIME')
  return clock[1] * 1000000 + clock[2]
end

-- Larger numbers are no whole numbers any more, here or in a client. No grant has one: some other program wrote it.
local LARGEST_FENCE = 9007199254740990

-- Counts anew by the clock, as where the counter was lost, and says once what it found.
local function check_counter(fence_key, last, retention, now)
  if last <= LARGEST_FENCE then return end
  redis.call('SET', fence_key, whole(now), 'PX', retention)
  error('LOCKFENCE')
end

-- A fencing token grows with every grant: the clock carries it over the loss of the counter, the counter over
-- grants within one microsecond and clocks that step back. With `least`, which a quorum proposes to all of its nodes,
-- as small as may be: so that they agree.
local function mint(fence_key, retention, now, now_text, least)
  local fence = least or now_text
  local last = tonumber(redis.call('SET', fence_key, fence, 'PX', retention, 'GET') or 0) or 0
  check_counter(fence_key, last, retention, now)
  local floor = last > 0 and last + 1 or now
  if floor > (least and tonumber(least) or now) then
    fence = whole(floor)
    redis.call('SET', fence_key, fence, 'PX', retention)
  end
  return fence
end
