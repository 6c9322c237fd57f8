-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: keep (ms), not_after (us of server time),
--       then three per request: token or the first characters of it ('' is any), id of the request, how channels of
--       processes begin
-- Answers '1' or '0', or 'late <now>': whoever has the key by then is not meant
local keep = ARGV[1]

-- Hints to the process that had it that it asks. `info` begins with who that is.
local function tell_taken(channels, token, info)
  local process = string.match(info or '', '^{"p":"([%w_-]+)"')
  if process then tell(channels .. process, token .. ' taken') end
end

-- Takes the key from all who are meant; returns whether there were any.
local function take(k, wanted, channels)
  local held, taken = holders.read(k), false
  local function is_meant(token)
    return string.sub(token, 1, #wanted) == wanted
  end
  if held.value and is_meant(held.value) then
    redis.call('DEL', k.lock)
    local token, info = string.match(held.value, '^(%S+) %S+ %S+ (.*)$')
    tell_taken(channels, token, info)
    taken = true
  end
  for _, token in ipairs(held.kind and redis.call('ZRANGE', k.lock, 0, -1) or {}) do
    if is_meant(token) then
      local told = redis.call('HGET', k.holders, token)
      holders.leave(k, token)
      tell_taken(channels, token, string.match(told or '', '^%S+ %S+ %S+ (.*)$'))
      taken = true
    end
  end
  return taken
end

return each(#KEYS / 5, function(i)
  if now > tonumber(ARGV[2]) then return 'late ' .. whole(now) end
  local k, wanted, id, channels = holders.keys(i * 5 - 5), unpack(ARGV, i * 3, i * 3 + 2)
  -- A client sends again what was not answered: by now the next one may hold it.
  if type(redis.pcall('ZSCORE', k.liveness, id)) == 'string' then return '1' end
  if not take(k, wanted, channels) then return '0' end
  queue.refuse(k, id, keep)
  if redis.call('EXISTS', k.queue) == 1 then queue.serve_next(k) end
  return '1'
end)
