-- Requests from a file, one a line: method, path, key, body, with tabs between. A run of ten @ in
-- a body becomes a number that no request had before.
local requests, position, number = {}, 0, 0

function init(args)
  number = tonumber(args[2])
  for line in io.lines(args[1]) do
    local method, path, key, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = { ["Authorization"] = "Bearer " .. key }
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    local request = wrk.format(method, path, headers, body)
    local from, to = request:find("@@@@@@@@@@", 1, true)
    if from then
      requests[#requests + 1] = { request:sub(1, from - 1), request:sub(to + 1) }
    else
      requests[#requests + 1] = request
    end
  end
end

function request()
  position = position % #requests + 1
  local request = requests[position]
  if type(request) == "string" then return request end
  number = number + 1
  return request[1] .. string.format("%010d", number) .. request[2]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status,
    e.connect + e.read + e.write + e.timeout))
end
