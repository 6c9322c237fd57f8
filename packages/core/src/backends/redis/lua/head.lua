-- How an acquire and a vote begin.
local now = server_time()
local now_text = whole(now)
local not_after, retention = tonumber(ARGV[1]), ARGV[2]
