-- The mark of a member of the quorum of a prefix: "<run id> <mark id> <votes from, us>", and " restarted" once that was
-- found. It is gone when the server has lost its data: then it may also have lost leases that still stand elsewhere. So it
-- has no expiry. The run id is another one after every restart, from which a server may come back with an older state.
local function read_mark(text)
  return string.match(text or '', '^(%S+) (%S+) (%d+)')
end

local function server_run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '-'
end
