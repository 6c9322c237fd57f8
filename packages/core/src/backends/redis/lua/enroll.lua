-- KEYS: member. ARGV: id of the mark if one is made; after how many ms it votes then ('' makes none, '0' founds a quorum);
-- '1' if the server has kept every write when it has restarted; for a founder what it was told as a stranger: run id, now
-- (us), and for how many ms that holds
-- Answers '<id of the server> <id of the mark> <ms until it votes>', 'stranger <run id> <now>' or 'restarted'
local run_id = server_says('run_id')
local made_by, mark, votes_from, is_noted = read_mark(redis.call('GET', KEYS[1]))
local wait = tonumber(ARGV[2])

local function sign(id, from)
  mark, votes_from = id, from
  redis.call('SET', KEYS[1], run_id .. ' ' .. mark .. ' ' .. votes_from)
end

-- One without a mark counts from now: another server may have taken the name of the node, or this very run may have lost
-- its data. One with the mark of a run before lost nothing since its start, which it tells in whole seconds of its clock.
local function votes_later()
  local has_restarted = made_by and made_by ~= run_id
  local uptime = has_restarted and tonumber(server_says('uptime_in_seconds')) or 0
  return whole(now + wait * 1000 - math.max(0, uptime - 1) * 1000000)
end

-- Others may have founded it since, been granted leases by this server, and have seen it lose them.
local is_too_late = wait == 0 and (ARGV[4] ~= run_id or now - ARGV[5] > ARGV[6] * 1000)

if not made_by then
  if not wait or is_too_late then return { 'stranger ' .. run_id .. ' ' .. whole(now) } end
  sign(ARGV[1], votes_later())
elseif made_by ~= run_id or is_noted then
  if votes_from and ARGV[3] == '1' then
    sign(mark, votes_from)
  elseif wait and wait > 0 then
    sign(ARGV[1], votes_later())
  else
    return { 'restarted' }
  end
elseif wait and wait > 0 and votes_from - now > wait * 1000 then
  -- Its clock was ahead when it became a member, and was put right.
  sign(mark, votes_later())
end
-- The same for all of its databases.
local id = run_id == '-' and mark or run_id
return { id .. ' ' .. mark .. ' ' .. whole(math.max(0, math.ceil((votes_from - now) / 1000))) }
