-- KEYS, five per request: lock, fence, queue, liveness, holders
-- ARGV: retention (ms), keep (ms), not_after (us of server time),
--       then two per request: token or the first characters of it ('' is any), id of the request
-- Answers '1' or '0', or 'late <now>': whoever has the key by then is not meant
local keep = ARGV[2]

return each(#KEYS / 5, function(i)
  if now > tonumber(ARGV[3]) then return 'late ' .. whole(now) end
  local k, wanted, id = holders.keys(i * 5 - 5), ARGV[i * 2 + 2], ARGV[i * 2 + 3]
  -- A client sends again what was not answered: by now the next one may hold it.
  if type(redis.pcall('ZSCORE', k.liveness, id)) == 'string' then return '1' end
  local held = holders.read(k)

  local function is_meant(token)
    return string.sub(token, 1, #wanted) == wanted
  end

  local taken = false
  if held.value and is_meant(held.value) then
    redis.call('DEL', k.lock)
    taken = true
  end
  for _, token in ipairs(held.kind and redis.call('ZRANGE', k.lock, 0, -1) or {}) do
    if is_meant(token) then
      holders.leave(k, token)
      taken = true
    end
  end
  if taken then
    queue.refuse(k, id, keep)
    if redis.call('EXISTS', k.queue) == 1 then queue.serve_next(k) end
  end
  return taken and '1' or '0'
end)
