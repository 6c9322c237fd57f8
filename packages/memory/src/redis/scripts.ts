/**
 * What all writes begin with. KEYS: messages (list), guard (hash: the largest fencing token seen, and the id of the last
 * write). ARGV: fencing token or '', id of the write, ms after which the session is forgotten or '', ...
 */
const GUARDED = `
local seen = redis.call('HGET', KEYS[2], 'fence') or '0'
if ARGV[1] ~= '' and tonumber(ARGV[1]) < tonumber(seen) then return { 'stale', seen } end
-- A client that lost its connection sends a command again that was executed.
local again = redis.call('HGET', KEYS[2], 'write') == ARGV[2]
if not again then
  redis.call('HSET', KEYS[2], 'write', ARGV[2])
  if ARGV[1] ~= '' then redis.call('HSET', KEYS[2], 'fence', ARGV[1]) end
end
local function keep()
  for _, key in ipairs(KEYS) do
    if ARGV[3] ~= '' then redis.call('PEXPIRE', key, ARGV[3]) else redis.call('PERSIST', key) end
  end
end
`;

/** ARGV, further: the messages. Answers 'ok' and how many there are. */
export const APPEND = `${GUARDED}
for i = 4, again and 0 or #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
keep()
return { 'ok', tostring(redis.call('LLEN', KEYS[1])) }
`;

/** The same, in place of all that is there. */
export const REPLACE = APPEND.replace("for i", "if not again then redis.call('DEL', KEYS[1]) end\nfor i");

/** Answers 'ok' and the last message, if there is one; the same one when it is asked again. */
export const POP = `${GUARDED}
if again then return { 'ok', redis.call('HGET', KEYS[2], 'popped') or nil } end
local popped = redis.call('RPOP', KEYS[1])
if popped then redis.call('HSET', KEYS[2], 'popped', popped) else redis.call('HDEL', KEYS[2], 'popped') end
keep()
return { 'ok', popped or nil }
`;

/** ARGV, further: ms for which the fence outlives the messages: a writer that was paused may come back. */
export const CLEAR = `${GUARDED}
redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], 'popped')
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return { 'ok' }
`;

/**
 * KEYS: messages, guard. ARGV: index of the first message, fencing token or '', ms after which the session is forgotten
 * or '', ms for which a fence outlives its messages. A turn that reads raises the fence: what an older one still writes
 * then, it would not have seen.
 */
export const READ = `
local seen = redis.call('HGET', KEYS[2], 'fence') or '0'
if ARGV[2] ~= '' and tonumber(ARGV[2]) > tonumber(seen) then
  redis.call('HSET', KEYS[2], 'fence', ARGV[2])
  local keep = ARGV[3]
  if keep == '' and redis.call('EXISTS', KEYS[1]) == 0 then keep = ARGV[4] end
  if keep ~= '' and redis.call('PTTL', KEYS[2]) < 0 then redis.call('PEXPIRE', KEYS[2], keep) end
end
return redis.call('LRANGE', KEYS[1], ARGV[1], -1)
`;
