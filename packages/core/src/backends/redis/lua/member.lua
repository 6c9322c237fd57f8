-- The mark of a member of the quorum of a prefix: "<run id> <mark id> <votes from, us>", and " restarted" once that was
-- found. It is gone when the server has lost its data: then it may also have lost leases that still stand elsewhere. So it
-- has no expiry. The run id is another one after every restart, from which a server may come back with an older state.

-- By which run of the server it was made ('' if that cannot be read), its id, from when the server votes, and whether a
-- restart is noted.
local function read_mark(text)
  if not text then return nil end
  local made_by, id, votes_from, note = string.match(text, '^(%S+) (%S+) (%d+)(.*)$')
  return made_by or '', id, votes_from, note ~= ''
end

local function server_says(name)
  return string.match(redis.call('INFO', 'server'), name .. ':(%w+)') or '-'
end

-- Reads a mark, and notes in it that the server has restarted, should it have.
local function check_mark(key)
  local text = redis.call('GET', key)
  local made_by, _, _, is_noted = read_mark(text)
  if not made_by or is_noted or made_by == server_says('run_id') then return text end
  text = text .. ' restarted'
  redis.call('SET', key, text)
  return text
end
