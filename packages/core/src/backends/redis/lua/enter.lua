-- What an acquire and a vote of a quorum do where the short way does not suffice: the key has holders or waiters.
-- KEYS, five per key of a request: lock, fence, queue, liveness, holders
-- ARGV: not_after (us of server time), retention (ms), "<channel> <alive, us> <keep, ms>", ...
-- Answers 'granted <now> <fence> <ms left> <rejoined> <slot> <permits of others> <last fence that is reserved>',
--         'busy <now> <ms left, -1 without end, -2 if there is no holder> <ticket> <rejoined> <permits of others>
--         <numbers of the keys that are not ready, with commas> <holder>',
--         'late <now>' or 'cancelled <now>'; rejoined is 1 when the place in the queue had been lost
local line
-- The least fencing token that a grant may have, as text, where a quorum asks for one of its votes; else nil.
local least
-- The least that any counter of this node may be; else nil.
local since

local function contended(offset, count, token, ttl, mode_text, ticket, info)
  local channel, alive, keep = string.match(ARGV[3], '^(%S+) (%S+) (%S+)$')
  line = line or make_line(now, retention, since)
  local mode = line.mode(mode_text)
  -- How many of its process wait together, where the request says so: it stands in the queue as any other one.
  local waiters = mode.kind == 'x' and mode.permits
  if waiters then mode_text = 'x' end
  local keys, held, mine = {}, {}, {}
  for i = 1, count do
    keys[i] = line.keys(offset + (i - 1) * 5)
    if redis.call('ZSCORE', keys[i].liveness, token) then return 'cancelled ' .. now_text end
    held[i] = line.read(keys[i])
  end
  local others = held[1].permits or '-'

  local function granted(fence, left, rejoined, slot, last)
    return 'granted ' .. now_text .. ' ' .. fence .. ' ' .. left .. ' ' .. rejoined .. ' ' .. slot .. ' ' .. others
      .. ' ' .. last
  end

  -- Gives a grant that this token has a larger fencing token: no other was granted since, so none is passed over.
  local function raise()
    local fence = line.fence(keys, mode, least, true)
    for i = 1, count do
      local rest = mine[i].rest
      if held[i].value then
        redis.call('SET', keys[i].lock, token .. ' ' .. fence .. rest, 'KEEPTTL')
      else
        redis.call('HSET', keys[i].holders, token, fence .. rest)
      end
    end
    return fence
  end

  local function keep_alive(k)
    line.keep_alive(k, channel, alive, keep)
  end

  -- Makes an offer that this token has a grant.
  local function claim()
    local slot, fence, last = mine[1].slot, line.mint(keys, mode, least, waiters)
    for i = 1, count do
      line.enter(keys[i], held[i], mode, tonumber(slot), fence, token, ttl, info)
      if redis.call('EXISTS', keys[i].queue) == 1 then keep_alive(keys[i]) end
    end
    return granted(fence, ttl, '0', slot, last)
  end

  local function answer_own()
    local left, have, is_offer = math.huge, 0, false
    for i = 1, count do
      mine[i] = line.own(keys[i], held[i], token)
      if mine[i] then
        have = have + 1
        left = math.min(left, mine[i].left)
        is_offer = is_offer or mine[i].fence == '0'
      end
    end
    if have == count then
      if is_offer then return claim() end
      local fence = mine[1].fence
      if least and tonumber(fence) < tonumber(least) then fence = raise() end
      return granted(fence, left, '0', mine[1].slot, fence)
    end
    -- Some of several keys were taken away: all or none.
    for i in pairs(mine) do
      if held[i].kind then line.leave(keys[i], token) else redis.call('DEL', keys[i].lock) end
      held[i] = line.read(keys[i])
    end
  end

  local function member(i)
    local text = mode.part and mode.kind .. '+' .. i or mode_text
    return token .. ' ' .. channel .. ' ' .. ttl .. ' ' .. text .. ' ' .. info
  end

  local function join()
    local first, lost = ticket == '0', false
    if first then
      local last = now
      for i = 1, count do
        local score = redis.call('ZRANGE', keys[i].queue, -1, -1, 'WITHSCORES')[2]
        last = math.max(last, (tonumber(score) or 0) + 1)
      end
      ticket = whole(last)
    end
    for i = 1, count do
      local k = keys[i]
      local added = redis.call('ZADD', k.queue, 'NX', ticket, member(i)) == 1
      if i == 1 and not added then ticket = whole(redis.call('ZSCORE', k.queue, member(1))) end
      lost = added or lost
      keep_alive(k)
      if mode.part then line.has_asked(k, token) end
      if waiters then line.count(k, token, waiters, keep) end
      line.limit(k, held[i], mode)
    end
    return (lost and not first) and '1' or '0'
  end

  local function enter(rejoined)
    local slot, fence, last = '-', line.mint(keys, mode, least, waiters)
    for i = 1, count do
      local place = line.fits(keys[i], held[i], mode)
      line.enter(keys[i], held[i], mode, place, fence, token, ttl, info)
      if mode.slot then slot = place end
    end
    return granted(fence, ttl, rejoined, slot, last)
  end

  local function busy(rejoined, missing)
    local k, state = keys[missing[1]], held[missing[1]]
    local left, holder = -2, ''
    if state.value then
      left, holder = redis.call('PTTL', k.lock), string.sub(state.value, 1, 2048)
    elseif state.kind then
      local token, ends = line.in_the_way(k, state, mode)
      left = math.max(0, math.ceil((ends - now) / 1000))
      holder = token .. ' ' .. (redis.call('HGET', k.holders, token) or '')
    end
    return 'busy ' .. now_text .. ' ' .. left .. ' ' .. (ticket == '' and '-' or ticket) .. ' ' .. rejoined .. ' '
      .. others .. ' ' .. table.concat(missing, ',') .. ' ' .. holder
  end

  local again = answer_own()
  if again then return again end
  local free = true
  for i = 1, count do
    free = free and line.fits(keys[i], held[i], mode) and redis.call('EXISTS', keys[i].queue) == 0
  end
  -- A request whose queue is gone: the server lost its data, and others lost their places, too.
  if free then return enter((ticket ~= '' and ticket ~= '0') and '1' or '0') end
  local rejoined = ticket == '' and '0' or join()
  local ready, missing = {}, {}
  local function read_again(i)
    -- Who was served with one of our keys may have taken others of them, too.
    if count > 1 then held[i] = line.read(keys[i]) end
  end
  for i = 1, count do
    read_again(i)
    -- A holder that died, or a program that freed the key, served no waiter: do it now.
    ready[i] = not held[i].value and line.serve(keys[i], held[i], token, mode.kind)
  end
  for i = 1, count do
    read_again(i)
    if not ready[i] or not line.fits(keys[i], held[i], mode) then missing[#missing + 1] = i end
  end
  if #missing > 0 then
    -- It may be passed over, and asks for all behind it, too: those of its process do not ask themselves.
    local may_be_passed = (mode.kind == 'p' and mode.slot) or (mode.kind == 's' and mode.part)
    for i = 1, (may_be_passed and ticket ~= '') and count or 0 do
      held[i] = line.read(keys[i])
      if not held[i].value then line.serve(keys[i], held[i]) end
    end
    return busy(rejoined, missing)
  end
  if ticket ~= '' then
    for i = 1, count do line.drop(keys[i], member(i)) end
  end
  return enter(rejoined)
end
