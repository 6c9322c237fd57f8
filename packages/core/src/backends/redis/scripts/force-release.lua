-- KEYS: lock, fence, queue, presence
-- ARGV: retention (ms), counts_receivers, token or the first characters of it ('' is any)
-- Answers '1' or '0'
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[3]) ~= ARGV[3] then return { '0' } end
serve(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2])
return { '1' }
