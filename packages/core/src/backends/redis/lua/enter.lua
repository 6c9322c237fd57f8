-- What an acquire and a vote of a quorum do where the short way does not suffice: the key has holders or waiters.
-- Needs `now`, `now_text`, `retention` (ms), and ARGV[3]: "<channel> <alive, us> <keep, ms>".
-- KEYS, five per key of a request: lock, fence, queue, liveness, holders
-- Answers 'granted <now> <fence> <ms left> <rejoined> <slot> <permits of others> <last fence that is reserved>',
--         'busy <now> <ms left, -1 without end, -2 if there is no holder> <ticket> <rejoined> <permits of others>
--         <numbers of the keys that are not ready, with commas> <holder>',
--         'late <now>' or 'cancelled <now>'; rejoined is 1 when the place in the queue had been lost
local channel, alive, keep = string.match(ARGV[3], '^(%S+) (%S+) (%S+)$')
-- The least fencing token that a grant may have, as text, where a quorum asks for one of its votes; else nil.
local least
-- The least that any counter of this node may be; else nil.
local since

-- The fencing token for a grant of these keys: larger than all before, or, for readers, that of the last writer.
-- `raised`: `least` is also the least for readers.
local function next_fence(keys, mode, raised)
  local shared = mode.kind == 's'
  if not shared and #keys == 1 then return mint(keys[1].fence, retention, now, now_text, least) end
  local as_it_is = shared and not raised
  local at_least = tonumber(least or nil)
  local fence = (as_it_is and 0) or at_least or now
  for _, k in ipairs(keys) do
    local last = tonumber(redis.call('GET', k.fence) or nil)
    if last then
      check_counter(k.fence, last, retention, now)
      fence = math.max(fence, shared and last or last + 1)
    elseif not as_it_is then
      fence = math.max(fence, now)
    end
  end
  if fence == 0 then fence = math.max(now, at_least or 0) end
  fence = math.max(fence, since or 0)
  for _, k in ipairs(keys) do
    redis.call('SET', k.fence, whole(fence), 'PX', retention)
  end
  return whole(fence)
end

-- The fencing token of a grant, and the last one that is reserved with it for all who wait together.
local function next_fences(r)
  local fence = next_fence(r.keys, r.mode)
  if not r.waiters or r.waiters == 1 then return fence, fence end
  local last = whole(fence + r.waiters - 1)
  redis.call('SET', r.keys[1].fence, last, 'PX', retention)
  return fence, last
end

-- What is asked for, and who has it: of each key what `holders.read` says. Nil where it was cancelled.
local function read_request(offset, count, token, ttl, mode_text, ticket, info)
  local mode = holders.mode(mode_text)
  -- How many of its process wait together, where the request says so: it stands in the queue as any other one.
  local waiters = mode.kind == 'x' and mode.permits
  local r = { keys = {}, held = {}, token = token, ttl = ttl, mode = mode, mode_text = waiters and 'x' or mode_text,
    ticket = ticket, info = info, waiters = waiters }
  for i = 1, count do
    local k = holders.keys(offset + (i - 1) * 5)
    if redis.call('ZSCORE', k.liveness, token) then return nil end
    r.keys[i], r.held[i] = k, holders.read(k)
  end
  r.others = r.held[1].permits or '-'
  return r
end

local function granted(r, fence, left, rejoined, slot, last)
  return 'granted ' .. now_text .. ' ' .. fence .. ' ' .. left .. ' ' .. rejoined .. ' ' .. slot .. ' ' .. r.others
    .. ' ' .. last
end

-- Gives a grant that this token has a larger fencing token: no other was granted since, so none is passed over.
local function raise(r, mine)
  local fence = next_fence(r.keys, r.mode, true)
  for i, k in ipairs(r.keys) do
    if r.held[i].value then
      redis.call('SET', k.lock, r.token .. ' ' .. fence .. mine[i].rest, 'KEEPTTL')
    else
      redis.call('HSET', k.holders, r.token, fence .. mine[i].rest)
    end
  end
  return fence
end

-- Makes an offer that this token has a grant.
local function claim(r, slot)
  local fence, last = next_fences(r)
  for i, k in ipairs(r.keys) do
    holders.enter(k, r.held[i], r.mode, tonumber(slot), fence, r.token, r.ttl, r.info)
    if redis.call('EXISTS', k.queue) == 1 then queue.keep_alive(k, channel, alive, keep) end
  end
  return granted(r, fence, r.ttl, '0', slot, last)
end

-- The answer to a token that has all of its keys; nil where it does not.
local function answer_own(r)
  local mine, left, have, is_offer = {}, math.huge, 0, false
  for i, k in ipairs(r.keys) do
    mine[i] = holders.own(k, r.held[i], r.token)
    if mine[i] then
      have = have + 1
      left = math.min(left, mine[i].left)
      is_offer = is_offer or mine[i].fence == '0'
    end
  end
  if have == #r.keys then
    if is_offer then return claim(r, mine[1].slot) end
    local fence = mine[1].fence
    if least and tonumber(fence) < tonumber(least) then fence = raise(r, mine) end
    return granted(r, fence, left, '0', mine[1].slot, fence)
  end
  -- Some of several keys were taken away: all or none.
  for i in pairs(mine) do
    local k = r.keys[i]
    if r.held[i].kind then holders.leave(k, r.token) else redis.call('DEL', k.lock) end
    r.held[i] = holders.read(k)
  end
end

-- What stands in the queue of one of the keys.
local function member(r, i)
  local text = r.mode.part and r.mode.kind .. '+' .. i or r.mode_text
  return r.token .. ' ' .. channel .. ' ' .. r.ttl .. ' ' .. text .. ' ' .. r.info
end

-- The place behind all others, in each of its queues.
local function last_place(r)
  local last = now
  for _, k in ipairs(r.keys) do
    local score = redis.call('ZRANGE', k.queue, -1, -1, 'WITHSCORES')[2]
    last = math.max(last, (tonumber(score) or 0) + 1)
  end
  return whole(last)
end

-- Returns '1' where the place that the ticket names had been lost.
local function join(r)
  local first, lost = r.ticket == '0', false
  if first then r.ticket = last_place(r) end
  for i, k in ipairs(r.keys) do
    local added = redis.call('ZADD', k.queue, 'NX', r.ticket, member(r, i)) == 1
    if i == 1 and not added then r.ticket = whole(redis.call('ZSCORE', k.queue, member(r, 1))) end
    lost = added or lost
    queue.keep_alive(k, channel, alive, keep)
    if r.mode.part then queue.has_asked(k, r.token) end
    if r.waiters then queue.count(k, r.token, r.waiters, keep) end
    holders.limit(k, r.held[i], r.mode)
  end
  return (lost and not first) and '1' or '0'
end

local function enter(r, rejoined)
  local slot, fence, last = '-', next_fences(r)
  for i, k in ipairs(r.keys) do
    local place = holders.fits(k, r.held[i], r.mode)
    holders.enter(k, r.held[i], r.mode, place, fence, r.token, r.ttl, r.info)
    if r.mode.slot then slot = place end
  end
  return granted(r, fence, r.ttl, rejoined, slot, last)
end

local function busy(r, rejoined, missing)
  local k, held = r.keys[missing[1]], r.held[missing[1]]
  local left, holder = -2, ''
  if held.value then
    left, holder = redis.call('PTTL', k.lock), string.sub(held.value, 1, 2048)
  elseif held.kind then
    local token, ends = holders.in_the_way(k, held, r.mode)
    left = math.max(0, math.ceil((ends - now) / 1000))
    holder = token .. ' ' .. (redis.call('HGET', k.holders, token) or '')
  end
  return 'busy ' .. now_text .. ' ' .. left .. ' ' .. (r.ticket == '' and '-' or r.ticket) .. ' ' .. rejoined .. ' '
    .. r.others .. ' ' .. table.concat(missing, ',') .. ' ' .. holder
end

-- Serves all that come before it, and returns the numbers of the keys that it cannot have yet.
local function serve_others(r)
  local ready, missing = {}, {}
  local function read_again(i)
    -- Who was served with one of our keys may have taken others of them, too.
    if #r.keys > 1 then r.held[i] = holders.read(r.keys[i]) end
  end
  for i, k in ipairs(r.keys) do
    read_again(i)
    -- A holder that died, or a program that freed the key, served no waiter: do it now.
    ready[i] = not r.held[i].value and queue.serve(k, r.held[i], r.token, r.mode.kind)
  end
  for i, k in ipairs(r.keys) do
    read_again(i)
    if not ready[i] or not holders.fits(k, r.held[i], r.mode) then missing[#missing + 1] = i end
  end
  return missing
end

local function can_enter(r)
  for i, k in ipairs(r.keys) do
    if not holders.fits(k, r.held[i], r.mode) or redis.call('EXISTS', k.queue) == 1 then return false end
  end
  return true
end

local function contended(...)
  local r = read_request(...)
  if not r then return 'cancelled ' .. now_text end
  local again = answer_own(r)
  if again then return again end
  local waits = r.ticket ~= ''
  -- A request whose queue is gone: the server lost its data, and others lost their places, too.
  if can_enter(r) then return enter(r, (waits and r.ticket ~= '0') and '1' or '0') end
  local rejoined = waits and join(r) or '0'
  local missing = serve_others(r)
  if #missing > 0 then
    -- It may be passed over, and asks for all behind it, too: those of its process do not ask themselves.
    local may_be_passed = (r.mode.kind == 'p' and r.mode.slot) or (r.mode.kind == 's' and r.mode.part)
    for i, k in ipairs(waits and may_be_passed and r.keys or {}) do
      r.held[i] = holders.read(k)
      if not r.held[i].value then queue.serve(k, r.held[i]) end
    end
    return busy(r, rejoined, missing)
  end
  for i, k in ipairs(waits and r.keys or {}) do queue.drop(k, member(r, i)) end
  return enter(r, rejoined)
end
