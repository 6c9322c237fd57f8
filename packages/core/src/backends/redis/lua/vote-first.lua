-- One vote of this server as a node of a quorum. KEYS and answers: see enter.lua; the last key is the mark of a member:
-- see member.lua.
-- ARGV: see there, then six per request: as for an acquire, and the least fencing token that the grant may have; and one
-- more where the server did not know this script, as none does after a restart: then it looks whether it has
-- Answers also 'abstained <now> <1 if it votes later>': it has lost its data, or may have, or has never been a member
local now_text = whole(now)
local not_after, retention = tonumber(ARGV[1]), ARGV[2]
local mark = #ARGV % 6 == 4 and check_mark(KEYS[#KEYS]) or redis.call('GET', KEYS[#KEYS])
local votes_from = tonumber(string.match(mark or '', '^%S+ %S+ (%d+)$'))
local votes = votes_from and votes_from <= now

-- Counters may be older than the mark where the server has come back with an older state. What it has forgotten was less.
local function at_least(fence)
  return tonumber(fence) < votes_from and whole(votes_from) or fence
end

local function is_free(from, mode)
  return mode == 'x' and redis.call('EXISTS', KEYS[from + 1], KEYS[from + 3], KEYS[from + 4]) == 0
end

local function elect(from, token, ttl, info, fence)
  local minted = mint(KEYS[from + 2], retention, now, now_text, at_least(fence))
  redis.call('SET', KEYS[from + 1], token .. ' ' .. minted .. ' ' .. now_text .. ' ' .. info, 'PX', ttl)
  return 'granted ' .. now_text .. ' ' .. minted .. ' ' .. ttl .. ' 0 - -'
end

-- Most votes are single ones for a key that nobody wants: they end before all that others need is even defined.
if #ARGV < 12 and votes and now <= not_after and is_free(0, ARGV[6]) then
  return { elect(0, ARGV[4], ARGV[5], ARGV[8], ARGV[9]) }
end
