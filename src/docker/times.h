// Times as the API writes and reads them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace slipway::docker {

// "1700000000", "1700000000.123456789" or RFC 3339; empty: nullopt. Throws Error(invalid_argument).
std::optional<TimePoint> parse_unix_time(std::string_view text);
// Of a filter: what parse_unix_time takes, or a duration before now ("24h", "1h30m").
TimePoint parse_until(std::string_view text, TimePoint now);
// RFC 3339 with nanoseconds; nullopt: Go's zero time.
std::string time_text(const std::optional<TimePoint>& time);
// "3 minutes", "About an hour", as `docker ps` words it.
std::string human_duration(microseconds duration);

}  // namespace slipway::docker
