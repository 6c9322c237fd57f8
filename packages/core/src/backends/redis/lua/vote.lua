-- See vote-first.lua
local offset = 0
return each(math.floor((#ARGV - 3) / 6), function(i)
  local token, ttl, mode, ticket, info, fence = unpack(ARGV, i * 6 - 2, i * 6 + 3)
  local from, count = offset, tonumber(string.match(mode, '%+(%d+)$')) or 1
  offset = offset + count * 5
  if now > not_after then return 'late ' .. now_text end
  if not votes then return 'abstained ' .. now_text .. (votes_from and ' 1' or ' 0') end
  if is_free(from, mode) then return elect(from, token, ttl, info, fence) end
  least, since = at_least(fence), votes_from
  return contended(from, count, token, ttl, mode, ticket, info)
end)
