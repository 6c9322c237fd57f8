-- KEYS and answers: see enter.lua
-- ARGV: see there, then five per request: token, ttl (ms), mode, ticket, info
--       ticket: '' does not queue; '0' queues at the end; else the place in the queue it had before
local offset = 0
return each((#ARGV - 3) / 5, function(i)
  local a = i * 5
  local token, ttl, mode, ticket, info = ARGV[a - 1], ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local from, count = offset, mode == 'x' and 1 or tonumber(string.match(mode, '%+(%d+)$')) or 1
  offset = offset + count * 5
  if now > not_after then return 'late ' .. now_text end
  if mode == 'x' and redis.call('EXISTS', KEYS[from + 1], KEYS[from + 3], KEYS[from + 4]) == 0 then
    local fence = grant(KEYS[from + 1], KEYS[from + 2], token, ttl, info, retention, now, now_text)
    return 'granted ' .. now_text .. ' ' .. fence .. ' ' .. ttl .. ' 0 - -'
  end
  return contended(from, count, token, ttl, mode, ticket, info)
end)
