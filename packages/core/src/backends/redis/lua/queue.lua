-- The waiters of a lock, and which of them come next, in any mode.
--
-- A waiter that comes next gets an offer, which is no grant: the keys are kept for its token for OFFER ms, or its ttl
-- where that is shorter, and its process is told to ask. Only the answer to that question grants. So a message may be
-- lost, late, doubled or forged, and nothing that was told is ever taken back.
local OFFER = 1000
local queue = {}

-- The queues in which this process has been said to be alive by this call; each request of a batch would say it again.
local told_alive = {}

-- A process that asks lives, and so do its waiters.
function queue.keep_alive(k, channel, alive, keep)
  if told_alive[k.queue] then return end
  redis.call('ZADD', k.liveness, whole(now + alive), channel)
  redis.call('PEXPIRE', k.queue, keep)
  redis.call('PEXPIRE', k.liveness, keep)
  told_alive[k.queue] = true
end

-- The field that says how many of a process wait together by a token; only who looks at the queue wants to know.
local function waiters(token)
  return 'waiters ' .. token
end

-- They vanish with the queue, where a holder does not make them vanish before.
function queue.count(k, token, count, keep)
  redis.call('HSET', k.holders, waiters(token), count)
  if redis.call('PTTL', k.holders) < tonumber(keep) then redis.call('PEXPIRE', k.holders, keep) end
end

-- Takes a waiter out of the queue.
function queue.drop(k, member)
  redis.call('ZREM', k.queue, member)
  redis.call('HDEL', k.holders, waiters(string.match(member, '^%S+')))
end

-- What is late must not be executed: notes the id of a request for so many ms.
function queue.refuse(k, id, keep)
  redis.call('ZREMRANGEBYSCORE', k.liveness, '-inf', '(' .. whole(now))
  redis.call('ZADD', k.liveness, whole(now + keep * 1000), id)
  redis.call('PEXPIRE', k.liveness, keep)
end

-- A process that was told to ask is believed alive until it should have done so. If it does not, it is dead, or cannot
-- run; later it comes back to its place by its ticket.
local function expect(k, channel, alive_until)
  local by = now + OFFER * 1000
  if alive_until <= by then return end
  redis.call('ZADD', k.liveness, whole(by), channel)
  told_alive[k.queue] = nil
end

-- A hint must not fail what it hints at: where it is refused or lost, waiters ask by themselves.
local function tell(channel, message)
  redis.pcall('PUBLISH', channel, message)
end

-- Keeps one or several keys for a waiter, and tells its process to ask. False: the server refused to write.
local function offer(keys, held, mode, place, waiter)
  local ms = math.min(waiter.ttl, OFFER)
  for i, k in ipairs(keys) do
    if not pcall(holders.enter, k, held[i], mode, place, '0', waiter.token, ms, waiter.info) then return false end
    expect(k, waiter.channel, waiter.alive_until)
  end
  tell(waiter.channel, waiter.token)
  return true
end

-- All keys of a waiter for several of them, if it comes next for each. On a single server a script reaches
-- keys that it was not given; where that is refused, or the names are too many to be told, its process is told that
-- this key is ready, and asks for all.
local function all_keys(k, held, mode, token, info)
  local keys, states = {}, {}
  for i, name in ipairs(cjson.decode(info).k) do
    keys[i], states[i] = k, held
    if name ~= k.lock then
      keys[i] = { lock = name, fence = name .. ':fence', queue = name .. ':queue', liveness = name .. ':liveness',
        holders = name .. ':holders' }
      states[i] = holders.read(keys[i])
      local first = redis.call('ZRANGE', keys[i].queue, 0, 0)[1]
      if not owns(first, token) or not holders.fits(keys[i], states[i], mode) then return nil end
    end
  end
  return keys, states
end

-- Whether a waiter keeps all behind it waiting, too: not a waiter for a slot that is taken while
-- others are free.
local function hinders(held, mode)
  return not (mode.kind == 'p' and mode.slot and held.kind == 'p' and held.count < holders.most(held, mode))
end

local function told(token)
  return 'told ' .. token
end

-- Notes that a waiter for several keys asks.
function queue.has_asked(k, token)
  redis.call('ZREM', k.liveness, told(token))
end

-- Whether a waiter was told that a key is ready for it, and has not asked for so long that its process does not know of
-- it any more: a server that took over with an older state may still have waiters that have been served since.
local function is_forgotten(k, token)
  local by, limit = tonumber(redis.call('ZSCORE', k.liveness, told(token)) or nil), now + OFFER * 1000
  -- A later one was noted before the clock was set back.
  if not by or by > limit then redis.call('ZADD', k.liveness, whole(limit), told(token)) end
  if not by or by >= now then return false end
  queue.has_asked(k, token)
  return true
end

-- Serves a waiter for several keys: offers them all, or tells its process that this key is ready. Returns whether it still
-- stands in the queue.
local function serve_several(k, held, mode, waiter, member)
  local ok, keys, states = pcall(all_keys, k, held, mode, waiter.token, waiter.info)
  if not ok or not keys then
    if is_forgotten(k, waiter.token) then
      redis.call('ZREM', k.queue, member)
      return false
    end
    expect(k, waiter.channel, waiter.alive_until)
    tell(waiter.channel, waiter.token .. ' ' .. mode.part)
    return true
  end
  for i, each in ipairs(keys) do
    redis.call('ZREM', each.queue, waiter.token .. ' ' .. waiter.channel .. ' ' .. waiter.ttl .. ' ' .. mode.kind
      .. '+' .. i .. ' ' .. waiter.info)
  end
  offer(keys, states, mode, nil, waiter)
  return true
end

local function read_waiter(k, member)
  local token, channel, ttl, mode, info = string.match(member, '^(%S+) (%S+) (%S+) (%S+) (.*)$')
  local alive_until = token and tonumber(redis.call('ZSCORE', k.liveness, channel) or nil)
  return { token = token, channel = channel, ttl = tonumber(ttl), mode = mode, info = info, alive_until = alive_until }
end

-- Offers the lock to the next waiters, in their order, until one has to wait. A waiter for several keys keeps this one
-- ready by standing first; if it is a reader, other readers may pass. Returns whether no waiter is left in front of
-- `self`, which wants a mode of `self_kind`. At most 1000 waiters a call, so that no call blocks the server for long.
function queue.serve(k, held, self, self_kind)
  local passed, only_readers = 0, false
  for _ = 1, 1000 do
    local member = held.first or redis.call('ZRANGE', k.queue, passed, passed)[1]
    held.first = nil
    if not member then return not only_readers or self_kind == 's' end
    if self and owns(member, self) then return not only_readers or self_kind == 's' end
    local waiter = read_waiter(k, member)
    if not waiter.alive_until or waiter.alive_until < now then
      queue.drop(k, member)
    else
      local mode = holders.mode(waiter.mode)
      if only_readers and mode.kind ~= 's' then return false end
      local place = holders.fits(k, held, mode)
      if not place then
        if hinders(held, mode) then return false end
        passed = passed + 1
      elseif mode.part then
        if serve_several(k, held, mode, waiter, member) and mode.kind == 'x' then return false end
        if redis.call('ZSCORE', k.queue, member) then passed, only_readers = passed + 1, true end
      else
        queue.drop(k, member)
        if not offer({ k }, { held }, mode, place, waiter) or mode.kind == 'x' then return false end
      end
    end
  end
  return false
end

-- Serves the waiters of a key that was released. A broken queue must not fail the release.
function queue.serve_next(k)
  pcall(function() queue.serve(k, holders.read(k)) end)
end

-- Serves the waiters of a lock that its only holder releases. `first` is the first member of the queue.
function queue.hand_on(k, first)
  local held = { stale = true, first = first }
  pcall(queue.serve, k, held)
  if held.stale then redis.call('DEL', k.lock) end
end
