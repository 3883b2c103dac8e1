-- A journal entry's message, its document's id, and its time. Not run by us with Fluent Bit itself: docs/log-servers.md.

-- Called by Fluent Bit for each record; -1 drops it, 1 takes the new time and record.
function message(tag, timestamp, record)
    local line = record["MESSAGE"]
    if type(line) ~= "string" then
        return -1, timestamp, record
    end
    local rec = line:match('"rec":"([%w%._:%-]+)"')
    local id = line:match('"id":(%d+)')
    local seconds, fraction = line:match('"time":(%d+)%.?(%d*)')
    if rec == nil or id == nil or seconds == nil then
        return -1, timestamp, record
    end
    local nanoseconds = tonumber((fraction .. "000000000"):sub(1, 9))
    return 1, { sec = tonumber(seconds), nsec = nanoseconds }, { line = line, _document = rec .. "-" .. id }
end
