-- One vote of this server as a node of a quorum. KEYS and answers: see enter.lua; the last key says whether the node is
-- a member of the quorum: see enroll.lua.
-- ARGV: see there, then six per request: as for an acquire, and the least fencing token that the grant may have
-- Answers also 'abstained <now>': it has lost its data, or has never been a member
local member_key = KEYS[#KEYS]
local votes_from = tonumber(string.match(redis.call('GET', member_key) or '', '^%S+ (%d+)$'))
local votes = votes_from and votes_from <= now
if votes and redis.call('PTTL', member_key) < KEEP_MEMBER / 2 then redis.call('PEXPIRE', member_key, KEEP_MEMBER) end

local offset = 0
return each((#ARGV - 3) / 6, function(i)
  local token, ttl, mode, ticket, info, fence = unpack(ARGV, i * 6 - 2, i * 6 + 3)
  local from, count = offset, tonumber(string.match(mode, '%+(%d+)$')) or 1
  offset = offset + count * 5
  if now > not_after then return 'late ' .. now_text end
  if not votes then return 'abstained ' .. now_text end
  least = tonumber(fence)
  if mode == 'x' and redis.call('EXISTS', KEYS[from + 1], KEYS[from + 3], KEYS[from + 4]) == 0 then
    local minted = grant(KEYS[from + 1], KEYS[from + 2], token, ttl, info, retention, now, least)
    return 'granted ' .. now_text .. ' ' .. minted .. ' ' .. ttl .. ' 0 - -'
  end
  return contended(from, count, token, ttl, mode, ticket, info)
end)
