-- What a release does where the short way does not suffice: see release-first.lua
-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), then two per request: token, 'one' for an exclusive lock, or 'many'; or '<used>:<last>' for an
--       exclusive lock for which fencing tokens were reserved up to the last: those that were not used are given back
-- Answers 'released' or 'notHeld'. The key is freed also where its queue is broken.

-- Of many. Not any more when the lease ended and somebody else has the key: that is no error here.
local function leave(k, token)
  local ends = tonumber(redis.pcall('ZSCORE', k.lock, token) or nil)
  if not ends then return 'notHeld' end
  holders.leave(k, token)
  if ends <= now then return 'notHeld' end
  if redis.call('EXISTS', k.queue) == 1 then queue.serve_next(k) end
  return 'released'
end

return each(count, function(i)
  local k, token, held_by = holders.keys(i * 5 - 5), ARGV[i * 2], ARGV[i * 2 + 1]
  if held_by == 'many' then return leave(k, token) end
  local value = redis.pcall('GET', k.lock)
  if type(value) == 'table' or not owns(value, token) then return 'notHeld' end
  local used, last = string.match(held_by, '^(%d+):(%d+)$')
  if used and redis.pcall('GET', k.fence) == last then redis.pcall('SET', k.fence, used, 'PX', ARGV[1]) end
  local first = redis.pcall('ZRANGE', k.queue, 0, 0)[1]
  if first then queue.hand_on(k, first) else redis.call('DEL', k.lock) end
  return 'released'
end, replies, done)
