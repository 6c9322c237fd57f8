-- Prolongs exclusive leases, as extend.lua does, of which most extends ask nothing else: thousands travel together, so it
-- has one key and two arguments for each.
-- KEYS, one per request: lock
-- ARGV, two per request: token, ttl (ms)
-- Answers the ms left, 'expired' or 'stolen'. Only PEXPIRE must succeed: that works also when memory is full.
local replies = {}
for i, lock in ipairs(KEYS) do
  local token, ttl = ARGV[i * 2 - 1], tonumber(ARGV[i * 2])
  local value = redis.pcall('GET', lock)
  if not value then
    replies[i] = 'expired'
  elseif type(value) == 'table' or string.sub(value, 1, #token + 1) ~= token .. ' ' then
    replies[i] = 'stolen'
  else
    local left = redis.call('PTTL', lock)
    if left < ttl then
      left = ttl
      redis.call('PEXPIRE', lock, ttl)
    end
    replies[i] = left
  end
end
return replies
