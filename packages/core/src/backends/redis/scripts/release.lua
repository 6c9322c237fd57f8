-- KEYS, four per request: lock, fence, queue, presence
-- ARGV: retention (ms), counts_receivers, then one per request: token
-- Answers 'released' or 'notHeld'
return each(#KEYS / 4, function(i)
  local k = i * 4 - 3
  if not owns(redis.call('GET', KEYS[k]), ARGV[i + 2]) then return 'notHeld' end
  serve(KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[1], ARGV[2])
  return 'released'
end)
