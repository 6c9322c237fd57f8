-- Whether a server is a member of the quorum of a prefix: "<id> <votes from, us>". It is gone when the server has lost its
-- data: then it may also have lost leases that still stand elsewhere. So it has no expiry.
local function read_member(text)
  return string.match(text or '', '^(%S+) (%d+)$')
end
