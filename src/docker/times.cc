#include "docker/times.h"

#include "base/error.h"
#include "base/strings.h"
#include "build/parser/instructions.h"

namespace slipway::docker {

std::optional<TimePoint> parse_unix_time(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.find('T') != std::string_view::npos) return parse_rfc3339(text);
  const auto [whole, fraction] = split_once(text, '.');
  const auto secs = parse_int(whole);
  constexpr int64_t kFarthest = 9'000'000'000'000;  // microseconds must still fit
  if (!secs || *secs > kFarthest / 1000 || *secs < 0 || !only_alnum_and(fraction, "")) {
    throw invalid_argument("invalid time \"{}\": want seconds since 1970 or RFC 3339", text);
  }
  auto micros = fraction.substr(0, 6);
  micros.resize(6, '0');
  const auto part = parse_int(micros);
  if (!part) throw invalid_argument("invalid time \"{}\"", text);
  return TimePoint(seconds(*secs) + microseconds(*part));
}

TimePoint parse_until(std::string_view text, TimePoint now) {
  const bool duration = !text.empty() &&
                        text.find_first_not_of("0123456789.hmsuµn") == std::string_view::npos &&
                        text.find_first_of("hms") != std::string_view::npos;
  if (duration) return now - microseconds(build::parse_duration_ns(text) / 1000);
  const auto time = parse_unix_time(text);
  if (!time) throw invalid_argument("invalid filter 'until={}'", text);
  return *time;
}

std::string time_text(const std::optional<TimePoint>& time) {
  if (!time || time->time_since_epoch().count() == 0) return "0001-01-01T00:00:00Z";
  auto text = to_rfc3339(*time, 6);
  return text.insert(text.size() - 1, "000");  // nanoseconds: everybody expects nine digits
}

std::string human_duration(microseconds duration) {
  const auto secs = std::chrono::duration_cast<seconds>(duration).count();
  const auto minutes = secs / 60;
  const auto hours = (minutes + 30) / 60;
  if (secs < 1) return "Less than a second";
  if (secs == 1) return "1 second";
  if (secs < 60) return fmt::format("{} seconds", secs);
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", hours / 24 / 365);
}

}  // namespace slipway::docker
