-- KEYS, five per request: lock, fence, queue, presence, holders
-- ARGV: retention (ms), then one per request: token or the first characters of it ('' is any)
-- Answers '1' or '0'
local line = make_line(server_time(), ARGV[1])

return each(#KEYS / 5, function(i)
  local k, wanted = line.keys(i * 5 - 5), ARGV[i + 1]
  local held = line.read(k)

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
      line.leave(k, token)
      taken = true
    end
  end
  if taken and redis.call('EXISTS', k.queue) == 1 then line.serve_next(k) end
  return taken and '1' or '0'
end)
