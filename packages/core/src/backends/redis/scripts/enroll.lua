-- KEYS: member. ARGV: id of the mark if one is made; after how many ms it votes then ('' makes none); and, where it has
-- restarted since it became a member: 'complete' if its data is, 'lost' if it is to be a new member, '' only asks
-- Answers '<id of the server> <id of the mark> <ms until it votes>', 'stranger' or 'restarted'
local now, run_id = server_time(), server_run_id()
local made_by, mark, votes_from = read_mark(redis.call('GET', KEYS[1]))

local function sign()
  redis.call('SET', KEYS[1], run_id .. ' ' .. mark .. ' ' .. votes_from)
end

if mark and made_by ~= run_id and ARGV[3] ~= 'lost' then
  if ARGV[3] == '' then return { 'restarted' } end
  sign()
elseif ARGV[2] ~= '' and made_by ~= run_id then
  mark, votes_from = ARGV[1], whole(now + ARGV[2] * 1000)
  sign()
end
if not mark then return { 'stranger' } end
-- The same for all of its databases.
local id = run_id == '-' and mark or run_id
return { id .. ' ' .. mark .. ' ' .. whole(math.max(0, math.ceil((votes_from - now) / 1000))) }
