-- Prolongs leases, and changes what is asked for with it.
-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), then nine per request: token, ttl (ms), 'one' or 'many' (as for release), then
--       raised: '', or what the counter of fencing tokens is raised to
--       from: '', or whose the lease is so far: it becomes that of the token
--       fence: of the lease; '' where nobody else has it by now, or where the first that is reserved is its own
--       held for (us): '' for as long as before
--       reserve: how many fencing tokens, for those who get it next: see lease/relay.ts
--       info: '' where nobody else has it by now
-- Answers 'renewed <ms left>', and behind it the first and the last fencing token that were reserved; 'expired' or 'stolen'.
-- Where no owner changes only PEXPIRE must succeed: that works also when memory is full.
local retention = ARGV[1]

-- How an exclusive lease is stored; nil, and how it was lost, where neither token has it.
local function find_one(k, token, from)
  local value = redis.pcall('GET', k.lock)
  if not value then return nil, 'expired' end
  if type(value) == 'table' or not (owns(value, token) or from ~= '' and owns(value, from)) then return nil, 'stolen' end
  return value
end

local function prolong_one(k, ttl)
  local left = redis.call('PTTL', k.lock)
  if left >= ttl then return left end
  redis.call('PEXPIRE', k.lock, ttl)
  return ttl
end

local function write_one(k, value, r, fence)
  local since = r.held_for == '' and string.match(value, '^%S+ %S+ (%S+)') or whole(now - r.held_for)
  local text = r.token .. ' ' .. fence .. ' ' .. since .. ' ' .. r.info
  if r.from == '' then redis.pcall('SET', k.lock, text, 'KEEPTTL') else redis.call('SET', k.lock, text, 'KEEPTTL') end
end

-- Those before were used, or are for this process.
local function reserve(k, count)
  if count == 0 then return nil end
  local counter = redis.pcall('GET', k.fence)
  local first = math.max((type(counter) == 'string' and tonumber(counter) or 0) + 1, now)
  local last = first + count - 1
  if last > LARGEST_FENCE or redis.pcall('SET', k.fence, whole(last), 'PX', retention).err then return nil end
  return whole(first), whole(last)
end

local function raise(k, fence)
  if fence == '' or (tonumber(redis.call('GET', k.fence) or nil) or 0) >= tonumber(fence) then return end
  redis.call('SET', k.fence, fence, 'PX', retention)
end

local function extend_one(k, r)
  local value, lost = find_one(k, r.token, r.from)
  if not value then return lost end
  local left = prolong_one(k, r.ttl)
  local first, last = reserve(k, r.reserve)
  local fence = r.fence ~= '' and r.fence or first
  if r.info ~= '' and fence then write_one(k, value, r, fence) end
  raise(k, r.raised)
  return 'renewed ' .. left .. (first and ' ' .. first .. ' ' .. last or '')
end

-- Gives what one of many has to another token, before anything else is done: no member of the set may be missing.
local function change_owner(k, r, ends)
  local told = string.match(redis.call('HGET', k.holders, r.from), '^%S+ %S+ %S+')
  redis.call('HSET', k.holders, r.token, told .. ' ' .. r.info)
  redis.call('ZADD', k.lock, ends, r.token)
  redis.call('ZREM', k.lock, r.from)
  redis.call('HDEL', k.holders, r.from)
end

local function prolong_one_of_many(k, r, ends)
  local left = math.floor((ends - now) / 1000)
  if left >= r.ttl then return left end
  if redis.call('PTTL', k.lock) < r.ttl then
    redis.call('PEXPIRE', k.holders, r.ttl)
    redis.call('PEXPIRE', k.lock, r.ttl)
  else
    -- A write that needs no memory: after it the server does not refuse the next for want of memory.
    redis.call('ZREM', k.lock, '')
  end
  redis.call('ZADD', k.lock, 'XX', whole(now + r.ttl * 1000), r.token)
  return r.ttl
end

local function extend_one_of_many(k, r)
  local ends = redis.pcall('ZSCORE', k.lock, r.token)
  local is_taken_over = not ends and r.from ~= ''
  if is_taken_over then ends = redis.call('ZSCORE', k.lock, r.from) end
  if type(ends) == 'table' then return 'stolen' end
  if not ends then return redis.call('EXISTS', k.lock) == 1 and 'stolen' or 'expired' end
  if tonumber(ends) <= now then return 'expired' end
  if is_taken_over then change_owner(k, r, ends) end
  local left = prolong_one_of_many(k, r, ends)
  raise(k, r.raised)
  return 'renewed ' .. left
end

return each(#KEYS / 5, function(i)
  local a, at = i * 9 - 7, i * 5
  local k = { lock = KEYS[at - 4], fence = KEYS[at - 3], holders = KEYS[at] }
  local token, ttl, held_by, raised, from, fence, held_for, count, info = unpack(ARGV, a, a + 8)
  local r = { token = token, ttl = tonumber(ttl), raised = raised, from = from, fence = fence, held_for = held_for,
    reserve = tonumber(count), info = info }
  return held_by == 'many' and extend_one_of_many(k, r) or extend_one(k, r)
end)
