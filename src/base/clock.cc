#include "base/clock.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>

#include "base/error.h"

namespace slipway {

double to_epoch_seconds(TimePoint t) {
  return static_cast<double>(t.time_since_epoch().count()) / 1e6;
}

TimePoint from_epoch_seconds(double seconds) {
  return TimePoint(microseconds(static_cast<int64_t>(std::llround(seconds * 1e6))));
}

int64_t to_epoch_ms(TimePoint t) {
  return std::chrono::floor<milliseconds>(t).time_since_epoch().count();
}

TimePoint from_epoch_ms(int64_t ms) {
  return TimePoint(milliseconds(ms));
}

std::string to_rfc3339(TimePoint t, int digits) {
  const auto whole = std::chrono::floor<seconds>(t);
  const std::time_t secs = whole.time_since_epoch().count();
  std::tm tm{};
  gmtime_r(&secs, &tm);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", tm.tm_year + 1900,
                                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
  if (digits > 0) {
    const int64_t nanos = (t - whole).count() * 1000;
    out += '.' + fmt::format("{:09}", nanos).substr(0, static_cast<size_t>(digits));
  }
  return out + 'Z';
}

namespace {
int64_t zone_offset_seconds(std::string_view zone, std::string_view text) {
  if (zone == "Z" || zone == "z") return 0;
  int hours = 0;
  int minutes = 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') ||
      std::sscanf(std::string(zone.substr(1)).c_str(), "%2d:%2d", &hours, &minutes) != 2) {
    throw invalid_argument("not an RFC 3339 time: '{}'", text);
  }
  return (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}
}  // namespace

TimePoint parse_rfc3339(std::string_view text) {
  const std::string copy(text);
  std::tm tm{};
  int used = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
                  &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6) {
    throw invalid_argument("not an RFC 3339 time: '{}'", text);
  }
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  std::string_view rest = std::string_view(copy).substr(static_cast<size_t>(used));
  int64_t micros = 0;
  if (!rest.empty() && rest[0] == '.') {
    int64_t scale = 100'000;
    rest.remove_prefix(1);
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      micros += (rest[0] - '0') * scale;
      scale /= 10;
      rest.remove_prefix(1);
    }
  }
  const int64_t offset = zone_offset_seconds(rest, text);
  return TimePoint(seconds(timegm(&tm) - offset)) + microseconds(micros);
}

}  // namespace slipway
