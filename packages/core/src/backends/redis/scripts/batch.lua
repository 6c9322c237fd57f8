-- Every script runs a batch: the requests of one tick in their order, each isolated by pcall, so that one bad
-- key neither undoes nor hides the others.
-- Runs `handle(i)` for every request of the batch; an error becomes that request's answer.
local function each(count, handle)
  local replies = {}
  for i = 1, count do
    local ok, reply = pcall(handle, i)
    if ok then
      replies[i] = reply
    else
      replies[i] = 'error ' .. (type(reply) == 'table' and reply.err or tostring(reply))
    end
  end
  return replies
end

local function owns(value, token)
  return value and string.sub(value, 1, #token + 1) == token .. ' '
end
