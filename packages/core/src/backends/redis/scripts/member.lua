-- Whether a server is a member of the quorum of a prefix: "<id> <votes from, us> <kept until, us>". It is gone when the
-- server has lost its data: then it may also have lost leases that still stand elsewhere.
local KEEP_MEMBER = 7 * 86400000

local function member_value(id, votes_from, now)
  return id .. ' ' .. votes_from .. ' ' .. whole(now + KEEP_MEMBER * 1000)
end

local function read_member(text)
  return string.match(text or '', '^(%S+) (%d+) (%d+)$')
end
