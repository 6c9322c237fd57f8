-- What a release does where the short way does not suffice: see release-first.lua
-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), then two per request: token, 'one' for an exclusive lock, or 'many'; or '<used>:<last>' for an
--       exclusive lock for which fencing tokens were reserved up to the last: those that were not used are given back
-- Answers 'released' or 'notHeld'. The key is freed also where its queue is broken.
local line

local function leave(k, token)
  -- Not of many any more when the lease ended and somebody else has the key: that is no error here.
  local ends = tonumber(redis.pcall('ZSCORE', k.lock, token) or nil)
  if not ends then return false end
  line.leave(k, token)
  return ends > server_time()
end

return each(count, function(i)
  local offset = i * 5 - 5
  local lock, queue, token, held_by = KEYS[offset + 1], KEYS[offset + 3], ARGV[i * 2], ARGV[i * 2 + 1]
  if held_by == 'many' then
    line = line or make_line(server_time(), ARGV[1])
    local k = line.keys(offset)
    if not leave(k, token) then return 'notHeld' end
    if redis.call('EXISTS', queue) == 1 then line.serve_next(k) end
    return 'released'
  end
  local value = redis.pcall('GET', lock)
  if type(value) == 'table' or not owns(value, token) then return 'notHeld' end
  local used, last = string.match(held_by, '^(%d+):(%d+)$')
  if used and redis.pcall('GET', KEYS[offset + 2]) == last then
    redis.pcall('SET', KEYS[offset + 2], used, 'PX', ARGV[1])
  end
  local first = redis.pcall('ZRANGE', queue, 0, 0)[1]
  if first then
    line = line or make_line(server_time(), ARGV[1])
    line.hand_on(line.keys(offset), first)
  else
    redis.call('DEL', lock)
  end
  return 'released'
end, replies, done)
