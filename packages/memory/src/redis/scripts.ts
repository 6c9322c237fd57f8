/**
 * What all scripts begin with. KEYS: messages (list), guard (hash: the largest fencing token seen; the ids of the last
 * writes, the newest first; what was popped last). ARGV: fencing token or '', id of the write, ms after which the messages
 * are forgotten or '', ms after which the guard is, where there are messages, or '', and where there are none.
 */
const GUARD = `
local seen = redis.call('HGET', KEYS[2], 'fence') or '0'
local function raise()
  if ARGV[1] ~= '' then redis.call('HSET', KEYS[2], 'fence', ARGV[1]) end
end
local function keep(key, ms)
  if ms ~= '' then redis.call('PEXPIRE', key, ms) else redis.call('PERSIST', key) end
end
local function keep_guard()
  keep(KEYS[2], redis.call('EXISTS', KEYS[1]) == 1 and ARGV[4] or ARGV[5])
end
`;

/** How many bytes of ids are kept: of the last 32 writes. */
const IDS = 32 * 16;

/** What all writes go on with. A client that lost its connection sends commands again that were executed. */
const WRITE = `${GUARD}
local writes = redis.call('HGET', KEYS[2], 'writes') or ''
local again = string.find(writes, ARGV[2], 1, true)
if not again then
  if ARGV[1] ~= '' and tonumber(ARGV[1]) < tonumber(seen) then return { 'stale', seen } end
  raise()
  redis.call('HSET', KEYS[2], 'writes', string.sub(ARGV[2] .. writes, 1, ${IDS}))
end
`;

/** ARGV, further: the messages. Answers 'ok' and how many there are. */
export const APPEND = `${WRITE}
for i = 6, again and 0 or #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
keep(KEYS[1], ARGV[3])
keep_guard()
return { 'ok', tostring(redis.call('LLEN', KEYS[1])) }
`;

/** The same, in place of all that is there. */
export const REPLACE = APPEND.replace("for i", "if not again then redis.call('DEL', KEYS[1]) end\nfor i");

/** Answers 'ok' and the last message, if there is one; the one that was popped last when it is asked again. */
export const POP = `${WRITE}
if again then return { 'ok', redis.call('HGET', KEYS[2], 'popped') or nil } end
local popped = redis.call('RPOP', KEYS[1])
if popped then redis.call('HSET', KEYS[2], 'popped', popped) else redis.call('HDEL', KEYS[2], 'popped') end
keep(KEYS[1], ARGV[3])
keep_guard()
return { 'ok', popped or nil }
`;

/** Answers 'ok'. */
export const CLEAR = `${WRITE}
if again then return { 'ok' } end
redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], 'popped')
keep_guard()
return { 'ok' }
`;

/**
 * ARGV, further: the index of the first message. A turn that reads raises the fence: what an older one still writes then,
 * it would not have seen.
 */
export const READ = `${GUARD}
if ARGV[1] ~= '' and tonumber(ARGV[1]) > tonumber(seen) then
  raise()
  keep_guard()
end
return redis.call('LRANGE', KEYS[1], ARGV[6], -1)
`;
