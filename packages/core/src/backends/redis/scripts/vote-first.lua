-- One vote of this server as a node of a quorum. KEYS and answers: see enter.lua; the last key says whether the node is
-- a member of the quorum: see member.lua.
-- ARGV: see there, then six per request: as for an acquire, and the least fencing token that the grant may have
-- Answers also 'abstained <now>': it has lost its data, or has never been a member
local member, votes_from = read_member(redis.call('GET', KEYS[#KEYS]))
local votes = member and tonumber(votes_from) <= now

local function is_free(from, mode)
  return mode == 'x' and redis.call('EXISTS', KEYS[from + 1], KEYS[from + 3], KEYS[from + 4]) == 0
end

local function elect(from, token, ttl, info, fence)
  local minted = grant(KEYS[from + 1], KEYS[from + 2], token, ttl, info, retention, now, now_text, fence)
  return 'granted ' .. now_text .. ' ' .. minted .. ' ' .. ttl .. ' 0 - -'
end

-- Most votes are single ones for a key that nobody wants: they end before all that others need is even defined.
if #ARGV == 9 and votes and now <= not_after and is_free(0, ARGV[6]) then
  return { elect(0, ARGV[4], ARGV[5], ARGV[8], ARGV[9]) }
end
