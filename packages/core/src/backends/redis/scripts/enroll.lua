-- KEYS: member. ARGV: id of the mark if one is made; after how many ms it votes then ('' makes none); '1' if the server has
-- kept every write when it has restarted
-- Answers '<id of the server> <id of the mark> <ms until it votes>', 'stranger' or 'restarted'
local now, run_id = server_time(), server_says('run_id')
local made_by, mark, votes_from, is_noted = read_mark(redis.call('GET', KEYS[1]))
local wait = tonumber(ARGV[2])

local function sign(id, from)
  mark, votes_from = id, from
  redis.call('SET', KEYS[1], run_id .. ' ' .. mark .. ' ' .. votes_from)
end

if not made_by then
  if not wait then return { 'stranger' } end
  sign(ARGV[1], whole(now + wait * 1000))
elseif made_by ~= run_id or is_noted then
  if votes_from and ARGV[3] == '1' then
    sign(mark, votes_from)
  elseif wait and wait > 0 then
    -- What a run has forgotten is older than its start, which it tells in whole seconds of its clock.
    local uptime = made_by ~= run_id and tonumber(server_says('uptime_in_seconds')) or 0
    sign(ARGV[1], whole(now + wait * 1000 - math.max(0, uptime - 1) * 1000000))
  else
    return { 'restarted' }
  end
end
-- The same for all of its databases.
local id = run_id == '-' and mark or run_id
return { id .. ' ' .. mark .. ' ' .. whole(math.max(0, math.ceil((votes_from - now) / 1000))) }
