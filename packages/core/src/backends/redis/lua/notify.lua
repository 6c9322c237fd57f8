-- ARGV: channel, message
return { tostring(redis.call('PUBLISH', ARGV[1], ARGV[2])) }
