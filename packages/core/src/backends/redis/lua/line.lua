-- The line of a lock, its holders and its waiters: which of them may enter, in any mode. Made only where there are any.
-- `since`: the least that a fence counter may be, if there is such a limit.
--
-- A waiter that comes next gets an offer, which is no grant: the keys are kept for its token for OFFER ms, or its ttl
-- where that is shorter, and its process is told to ask. Only the answer to that question grants. So a message may be
-- lost, late, doubled or forged, and nothing that was told is ever taken back.
local OFFER = 1000

local function make_line(now, retention, since)
  local line = {}

  -- The queues in which this process has been said to be alive by this call; each request of a batch would say it again.
  local told_alive = {}

  -- A process that asks lives, and so do its waiters.
  function line.keep_alive(k, channel, alive, keep)
    if told_alive[k.queue] then return end
    redis.call('ZADD', k.liveness, whole(now + alive), channel)
    redis.call('PEXPIRE', k.queue, keep)
    redis.call('PEXPIRE', k.liveness, keep)
    told_alive[k.queue] = true
  end

  function line.keys(offset)
    local lock, fence, queue, liveness, holders = unpack(KEYS, offset + 1, offset + 5)
    return { lock = lock, fence = fence, queue = queue, liveness = liveness, holders = holders }
  end

  function line.mode(text)
    local kind, permits, slot, part = string.match(text, '^(%a)(%d*):?(%d*)%+?(%d*)$')
    return { kind = kind, permits = tonumber(permits), slot = tonumber(slot), part = tonumber(part) }
  end

  -- What is late must not be executed: notes the id of a request for so many ms.
  function line.refuse(k, id, keep)
    redis.call('ZREMRANGEBYSCORE', k.liveness, '-inf', '(' .. whole(now))
    redis.call('ZADD', k.liveness, whole(now + keep * 1000), id)
    redis.call('PEXPIRE', k.liveness, keep)
  end

  local function remove(k, token)
    redis.call('ZREM', k.lock, token)
    redis.pcall('HDEL', k.holders, token)
  end

  -- Lets the keys of a lock that many hold end with the last of their leases.
  function line.settle(k)
    local ends = redis.call('ZRANGE', k.lock, -1, -1, 'WITHSCORES')[2]
    if not ends then
      redis.call('DEL', k.holders)
      return
    end
    local left = math.max(1, math.ceil((ends - now) / 1000))
    redis.call('PEXPIRE', k.lock, left)
    redis.call('PEXPIRE', k.holders, left)
  end

  -- Removes one of several holders.
  function line.leave(k, token)
    remove(k, token)
    line.settle(k)
  end

  -- The holders of the lock: { value } one, { kind, count, permits } several, {} none; { stale } none, but the
  -- key of the last holder is still there, to be overwritten or deleted.
  function line.read(k)
    local kind_of_key = redis.call('TYPE', k.lock).ok
    if kind_of_key == 'none' then return {} end
    local kind, permits
    if kind_of_key == 'zset' then kind, permits = unpack(redis.call('HMGET', k.holders, 'kind', 'permits')) end
    -- A key of any other type is of another program: the server's own error says so.
    if not kind then return { value = redis.call('GET', k.lock) } end
    repeat
      local gone = redis.call('ZRANGEBYSCORE', k.lock, '-inf', whole(now), 'LIMIT', 0, 1000)
      for _, token in ipairs(gone) do remove(k, token) end
    until #gone < 1000
    local count = redis.call('ZCARD', k.lock)
    if count == 0 then
      redis.call('DEL', k.holders)
      return {}
    end
    return { kind = kind, count = count, permits = tonumber(permits) }
  end

  -- The slots that are taken, and by which token; read once, and then kept up to date.
  function line.taken(k, held)
    if held.taken then return held.taken end
    held.taken = {}
    local details = held.kind and redis.call('HGETALL', k.holders) or {}
    for i = 1, #details, 2 do
      local slot = tonumber(string.match(details[i + 1], '^%d+ %d+ (%d+) '))
      if slot then held.taken[slot] = details[i] end
    end
    return held.taken
  end

  local function most(held, mode)
    return math.min(mode.permits, held.permits or mode.permits)
  end

  -- Whether the holders leave room for a mode: false, true, or the slot where one is wanted.
  function line.fits(k, held, mode)
    if held.value then return false end
    if held.kind and (mode.kind == 'x' or mode.kind ~= held.kind) then return false end
    if mode.kind ~= 'p' then return true end
    local permits = most(held, mode)
    if held.kind and held.count >= permits then return false end
    if not mode.slot then return true end
    local slots = line.taken(k, held)
    if mode.slot > 0 then return mode.slot <= permits and not slots[mode.slot] and mode.slot end
    for slot = 1, permits do
      if not slots[slot] then return slot end
    end
    return false
  end

  -- The fencing token for a grant of these keys: larger than all before, or, for readers, that of the last writer.
  -- `least`: see mint; `raised`: it is also the least for readers.
  function line.fence(keys, mode, least, raised)
    local shared = mode.kind == 's'
    if not shared and #keys == 1 then return mint(keys[1].fence, retention, now, whole(now), least) end
    local as_it_is = shared and not raised
    least = tonumber(least or nil)
    local fence = (as_it_is and 0) or least or now
    for _, k in ipairs(keys) do
      local last = tonumber(redis.call('GET', k.fence) or nil)
      if last then
        check_counter(k.fence, last, retention, now)
        fence = math.max(fence, shared and last or last + 1)
      elseif not as_it_is then
        fence = math.max(fence, now)
      end
    end
    if fence == 0 then fence = math.max(now, least or 0) end
    fence = math.max(fence, since or 0)
    for _, k in ipairs(keys) do
      redis.call('SET', k.fence, whole(fence), 'PX', retention)
    end
    return whole(fence)
  end

  -- Notes that a request wants so many permits: the smallest number rules until there is no holder.
  function line.limit(k, held, mode)
    if held.kind ~= 'p' or mode.kind ~= 'p' or held.permits <= mode.permits then return end
    redis.call('HSET', k.holders, 'permits', mode.permits)
    held.permits = mode.permits
  end

  -- Makes a token hold the lock in a mode that fits. `place` is what `fits` gave. What may fail is written first.
  function line.enter(k, held, mode, place, fence, token, ttl, info)
    local at = whole(now)
    if mode.kind == 'x' then
      local value = token .. ' ' .. fence .. ' ' .. at .. ' ' .. info
      redis.call('SET', k.lock, value, 'PX', ttl)
      held.value, held.stale = value, nil
      return
    end
    local slot = mode.slot and place or '-'
    redis.call('HSET', k.holders, 'kind', mode.kind, token, fence .. ' ' .. at .. ' ' .. slot .. ' ' .. info)
    if held.stale then redis.call('DEL', k.lock) end
    held.stale = nil
    redis.call('ZADD', k.lock, whole(now + ttl * 1000), token)
    if mode.kind == 'p' then
      held.permits = most(held, mode)
      redis.call('HSET', k.holders, 'permits', held.permits)
    end
    if redis.call('PTTL', k.lock) < tonumber(ttl) then
      redis.call('PEXPIRE', k.lock, ttl)
      redis.call('PEXPIRE', k.holders, ttl)
    end
    held.kind, held.count = mode.kind, (held.count or 0) + 1
    if held.taken then held.taken[slot] = token end
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
      if not pcall(line.enter, k, held[i], mode, place, '0', waiter.token, ms, waiter.info) then return false end
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
        states[i] = line.read(keys[i])
        local first = redis.call('ZRANGE', keys[i].queue, 0, 0)[1]
        if not owns(first, token) or not line.fits(keys[i], states[i], mode) then return nil end
      end
    end
    return keys, states
  end

  -- Whether a waiter keeps all behind it waiting, too: not a waiter for a slot that is taken while
  -- others are free.
  local function hinders(held, mode)
    return not (mode.kind == 'p' and mode.slot and held.kind == 'p' and held.count < most(held, mode))
  end

  local function told(token)
    return 'told ' .. token
  end

  -- Notes that a waiter for several keys asks.
  function line.has_asked(k, token)
    redis.call('ZREM', k.liveness, told(token))
  end

  -- Whether a waiter was told that a key is ready for it, and has not asked for so long that its process does not know of
  -- it any more: a server that took over with an older state may still have waiters that have been served since.
  local function is_forgotten(k, token)
    local by, limit = tonumber(redis.call('ZSCORE', k.liveness, told(token)) or nil), now + OFFER * 1000
    -- A later one was noted before the clock was set back.
    if not by or by > limit then redis.call('ZADD', k.liveness, whole(limit), told(token)) end
    if not by or by >= now then return false end
    line.has_asked(k, token)
    return true
  end

  -- Serves a waiter for several keys: offers them all, or tells its process that this key is ready. Returns whether it still
  -- stands in line.
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
  function line.serve(k, held, self, self_kind)
    local passed, only_readers = 0, false
    for _ = 1, 1000 do
      local member = held.first or redis.call('ZRANGE', k.queue, passed, passed)[1]
      held.first = nil
      if not member then return not only_readers or self_kind == 's' end
      if self and owns(member, self) then return not only_readers or self_kind == 's' end
      local waiter = read_waiter(k, member)
      if not waiter.alive_until or waiter.alive_until < now then
        redis.call('ZREM', k.queue, member)
      else
        local mode = line.mode(waiter.mode)
        if only_readers and mode.kind ~= 's' then return false end
        local place = line.fits(k, held, mode)
        if not place then
          if hinders(held, mode) then return false end
          passed = passed + 1
        elseif mode.part then
          if serve_several(k, held, mode, waiter, member) and mode.kind == 'x' then return false end
          if redis.call('ZSCORE', k.queue, member) then passed, only_readers = passed + 1, true end
        else
          redis.call('ZREM', k.queue, member)
          if not offer({ k }, { held }, mode, place, waiter) or mode.kind == 'x' then return false end
        end
      end
    end
    return false
  end

  -- Serves the waiters of a key that was released. A broken queue must not fail the release.
  function line.serve_next(k)
    pcall(function() line.serve(k, line.read(k)) end)
  end

  -- Serves the waiters of a lock that its only holder releases. `first` is the first member of the queue.
  function line.hand_on(k, first)
    local held = { stale = true, first = first }
    pcall(line.serve, k, held)
    if held.stale then redis.call('DEL', k.lock) end
  end

  return line
end
