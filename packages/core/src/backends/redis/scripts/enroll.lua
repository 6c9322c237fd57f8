-- KEYS: member. ARGV: id (where the server does not tell its own), after how many ms it votes ('' only asks)
-- Answers '<id> <ms until it votes>', or 'unknown'
local now = server_time()
if ARGV[2] ~= '' then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. whole(now + ARGV[2] * 1000), 'NX')
end
local id, votes_from = read_member(redis.call('GET', KEYS[1]))
if not id then return { 'unknown' } end
-- The same for all of its databases.
local server = redis.pcall('INFO', 'server')
local run_id = type(server) == 'string' and string.match(server, 'run_id:(%x+)')
return { (run_id or id) .. ' ' .. whole(math.max(0, math.ceil((votes_from - now) / 1000))) }
