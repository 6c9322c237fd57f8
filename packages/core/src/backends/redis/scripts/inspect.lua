-- KEYS: lock, queue
-- ARGV: how many waiters to tell
-- Answers {} when free, else value, ms left, how many wait, waiter, waiter, ...
local value = redis.call('GET', KEYS[1])
if not value then return {} end
local state = { value, tostring(redis.call('PTTL', KEYS[1])), tostring(redis.call('ZCARD', KEYS[2])) }
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1)) do
  state[#state + 1] = member
end
return state
