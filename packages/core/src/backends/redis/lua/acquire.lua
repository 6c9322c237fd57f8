-- What an acquire does where the short way does not suffice: see acquire-first.lua
-- KEYS and answers: see enter.lua; a number: granted at once for the whole ttl, with this fencing token. The last answer is
-- the server's time, us.
-- ARGV: see there, then five per request: token, ttl (ms), mode, ticket, info
--       ticket: '' does not queue; '0' queues at the end; else the place in the queue it had before
local offset = done * 5
each(count, function(i)
  local a = i * 5 - 1
  local token, ttl, mode, ticket, info = unpack(ARGV, a, a + 4)
  local from, keys = offset, mode == 'x' and 1 or tonumber(string.match(mode, '%+(%d+)$')) or 1
  offset = offset + keys * 5
  if now > not_after then return 'late ' .. now_text end
  -- The first one ended the short way: it is known to need more.
  return i > done + 1 and grant_free(from + 1, a) or contended(from, keys, token, ttl, mode, ticket, info)
end, replies, done)
replies[count + 1] = now
return replies
