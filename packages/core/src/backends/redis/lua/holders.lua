-- The holders of a lock, in any mode, and how they are stored: no other script knows that.
-- Needs `now`.
local holders = {}

function holders.keys(offset)
  local lock, fence, queue, liveness, holders = unpack(KEYS, offset + 1, offset + 5)
  return { lock = lock, fence = fence, queue = queue, liveness = liveness, holders = holders }
end

function holders.mode(text)
  local kind, permits, slot, part = string.match(text, '^(%a)(%d*):?(%d*)%+?(%d*)$')
  return { kind = kind, permits = tonumber(permits), slot = tonumber(slot), part = tonumber(part) }
end

local function remove(k, token)
  redis.call('ZREM', k.lock, token)
  redis.pcall('HDEL', k.holders, token)
end

-- Lets the keys of a lock that many hold end with the last of their leases.
function holders.settle(k)
  local ends = redis.call('ZRANGE', k.lock, -1, -1, 'WITHSCORES')[2]
  if not ends then
    redis.call('HDEL', k.holders, 'kind', 'permits')
    return
  end
  local left = math.max(1, math.ceil((ends - now) / 1000))
  redis.call('PEXPIRE', k.lock, left)
  redis.call('PEXPIRE', k.holders, left)
end

-- Removes one of several holders.
function holders.leave(k, token)
  remove(k, token)
  holders.settle(k)
end

-- The holders of the lock: { value } one, { kind, count, permits } several, {} none; { stale } none, but the
-- key of the last holder is still there, to be overwritten or deleted.
function holders.read(k)
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
    redis.call('HDEL', k.holders, 'kind', 'permits')
    return {}
  end
  return { kind = kind, count = count, permits = tonumber(permits) }
end

-- The slots that are taken, and by which token; read once, and then kept up to date.
function holders.taken(k, held)
  if held.taken then return held.taken end
  held.taken = {}
  local details = held.kind and redis.call('HGETALL', k.holders) or {}
  for i = 1, #details, 2 do
    local slot = tonumber(string.match(details[i + 1], '^%d+ %d+ (%d+) '))
    -- What is written there may have outlived the lease.
    if slot and redis.call('ZSCORE', k.lock, details[i]) then held.taken[slot] = details[i] end
  end
  return held.taken
end

function holders.most(held, mode)
  return math.min(mode.permits, held.permits or mode.permits)
end

-- Whether the holders leave room for a mode: false, true, or the slot where one is wanted.
function holders.fits(k, held, mode)
  if held.value then return false end
  if held.kind and (mode.kind == 'x' or mode.kind ~= held.kind) then return false end
  if mode.kind ~= 'p' then return true end
  local permits = holders.most(held, mode)
  if held.kind and held.count >= permits then return false end
  if not mode.slot then return true end
  local slots = holders.taken(k, held)
  if mode.slot > 0 then return mode.slot <= permits and not slots[mode.slot] and mode.slot end
  for slot = 1, permits do
    if not slots[slot] then return slot end
  end
  return false
end

-- Notes that a request wants so many permits: the smallest number rules until there is no holder.
function holders.limit(k, held, mode)
  if held.kind ~= 'p' or mode.kind ~= 'p' or held.permits <= mode.permits then return end
  redis.call('HSET', k.holders, 'permits', mode.permits)
  held.permits = mode.permits
end

-- Makes a token hold the lock in a mode that fits. `place` is what `fits` gave. What may fail is written first.
function holders.enter(k, held, mode, place, fence, token, ttl, info)
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
    held.permits = holders.most(held, mode)
    redis.call('HSET', k.holders, 'permits', held.permits)
  end
  if redis.call('PTTL', k.lock) < tonumber(ttl) then
    redis.call('PEXPIRE', k.lock, ttl)
    redis.call('PEXPIRE', k.holders, ttl)
  end
  held.kind, held.count = mode.kind, (held.count or 0) + 1
  if held.taken then held.taken[slot] = token end
end

-- What a token has of a key: fence ('0': an offer), ms left, slot.
function holders.own(k, state, token)
  if owns(state.value, token) then
    local fence, rest = string.match(state.value, '^%S+ (%S+)(.*)$')
    return { fence = fence, left = redis.call('PTTL', k.lock), slot = '-', rest = rest }
  end
  local ends = state.kind and redis.call('ZSCORE', k.lock, token)
  if not ends then return nil end
  local fence, rest, slot = string.match(redis.call('HGET', k.holders, token), '^(%S+)( %S+ (%S+).*)$')
  return { fence = fence, left = math.floor((ends - now) / 1000), slot = slot, rest = rest }
end

-- Of several holders: the one with the slot that is wanted, or else the one whose lease ends first.
function holders.in_the_way(k, state, mode)
  if mode.slot and mode.slot > 0 and holders.taken(k, state)[mode.slot] then
    local token = holders.taken(k, state)[mode.slot]
    return token, redis.call('ZSCORE', k.lock, token)
  end
  return unpack(redis.call('ZRANGE', k.lock, 0, 0, 'WITHSCORES'))
end
