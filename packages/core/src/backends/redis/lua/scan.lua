-- ARGV: cursor, pattern, count
-- Answers next cursor, key, key, ...
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local found = { page[1] }
for _, key in ipairs(page[2]) do
  found[#found + 1] = key
end
return found
