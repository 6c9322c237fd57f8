-- KEYS, five per request: lock, fence, queue, presence, holders
-- ARGV: retention (ms), counts_receivers, then two per request: token, claim
--       claim: '', or 'many' for a lock that many hold, or '<alias> <first> <last>' of a lock that was passed on within
--       its process: the token under which it was handed over, and the tickets of the first and last waiter who were
--       served since
-- Answers 'released' or 'notHeld'
local line

local function release_one_of_many(k, token)
  -- Not of many any more when the lease ended and somebody else has the key: that is no error here.
  local ends = tonumber(redis.pcall('ZSCORE', k.lock, token) or nil)
  if not ends then return false end
  line.leave(k, token)
  return ends > server_time()
end

local function is_owner(lock, queue, token, claim)
  local value = redis.pcall('GET', lock)
  if type(value) == 'table' then return false end
  if owns(value, token) then return true end
  if claim == '' then return false end
  return owns(value, string.match(claim, '^%S+'))
end

return each(#KEYS / 5, function(i)
  local offset = i * 5 - 5
  local lock, queue, token, claim = KEYS[offset + 1], KEYS[offset + 3], ARGV[i * 2 + 1], ARGV[i * 2 + 2]
  local released
  if claim == 'many' then
    line = line or make_line(server_time(), ARGV[1], ARGV[2])
    released = release_one_of_many(line.keys(offset), token)
  else
    released = is_owner(lock, queue, token, claim)
    if claim ~= '' then redis.call('ZREMRANGEBYSCORE', queue, string.match(claim, '^%S+ (%S+) (%S+)$')) end
  end
  if not released then return 'notHeld' end
  local first = redis.call('ZRANGE', queue, 0, 0)[1]
  if first then
    line = line or make_line(server_time(), ARGV[1], ARGV[2])
    local k = line.keys(offset)
    if claim == 'many' then line.serve(k, line.read(k)) else line.hand_on(k, first) end
  elseif claim ~= 'many' then
    redis.call('DEL', lock)
  end
  return 'released'
end)
