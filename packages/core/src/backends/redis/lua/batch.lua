-- Every script runs a batch: the requests of one tick in their order. Each is isolated by pcall, so that one bad
-- key neither undoes nor hides the others; alone, its error is the answer of the command. `done`: the first ones, whose
-- answers are in `replies`.
local function told(err)
  if type(err) ~= 'table' then return tostring(err) end
  return err.line and err.err .. ', on @user_script:' .. err.line or err.err
end

local function each(count, handle, replies, done)
  replies = replies or {}
  if count == 1 then
    replies[1] = handle(1)
    return replies
  end
  for i = (done or 0) + 1, count do
    local ok, reply = pcall(handle, i)
    replies[i] = ok and reply or 'error ' .. told(reply)
  end
  return replies
end

local function owns(value, token)
  return value and string.sub(value, 1, #token + 1) == token .. ' '
end

local function whole(number)
  return string.format('%.0f', number)
end
