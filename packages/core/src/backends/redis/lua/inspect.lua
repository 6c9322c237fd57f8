-- KEYS: lock, fence, queue, liveness, holders
-- ARGV: how many holders to tell, how many waiters
-- Answers kind ('x', 's', 'p' or '' for nobody), permits or '-', how many hold it, how many wait, how many holders
-- follow; then two per holder: "<token> ...", ms left; then two per waiter: its text, how many of its process wait together
local k = { lock = KEYS[1], queue = KEYS[3], holders = KEYS[5] }
local state = { '', '-', '0', tostring(redis.call('ZCARD', k.queue)), '0' }

local function tell(value, left)
  state[#state + 1] = value
  state[#state + 1] = tostring(left)
  state[5] = tostring(state[5] + 1)
end

local kind_of_key = redis.call('TYPE', k.lock).ok
local kind, permits
if kind_of_key == 'zset' then kind, permits = unpack(redis.call('HMGET', k.holders, 'kind', 'permits')) end
if kind then
  local live = redis.call('ZRANGEBYSCORE', k.lock, '(' .. whole(now), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
  for i = 1, #live, 2 do
    tell(live[i] .. ' ' .. (redis.call('HGET', k.holders, live[i]) or ''), math.floor((live[i + 1] - now) / 1000))
  end
  state[3] = tostring(redis.call('ZCOUNT', k.lock, '(' .. whole(now), '+inf'))
  if #live > 0 then state[1], state[2] = kind, permits or '-' end
elseif kind_of_key ~= 'none' then
  tell(redis.call('GET', k.lock), redis.call('PTTL', k.lock))
  state[1], state[3] = 'x', '1'
end
-- Counts may have outlived their waiters.
local counts, most = {}, tonumber(ARGV[2])
local details = state[4] ~= '0' and redis.call('HGETALL', k.holders) or {}
for i = 1, #details, 2 do
  local token, count = string.match(details[i], '^waiters (%S+)$'), details[i + 1]
  if token then counts[token] = count end
end
for i, member in ipairs(redis.call('ZRANGE', k.queue, 0, next(counts) and 999 or most - 1)) do
  local count = counts[string.match(member, '^%S+')] or '1'
  state[4] = tostring(state[4] + count - 1)
  if i <= most then
    state[#state + 1] = member
    state[#state + 1] = count
  end
end
return state
