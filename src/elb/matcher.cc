#include "elb/matcher.h"

#include "base/strings.h"

namespace slipway::elb {

std::optional<Matcher> parse_matcher(std::string_view text) {
  Matcher out;
  for (auto& part : split(text, ',')) {
    const bool range = part.find('-') != std::string::npos;
    const auto [low, high] = split_once(part, '-');
    const auto from = parse_uint(trim(low));
    const auto to = range ? parse_uint(trim(high)) : from;
    if (!from || !to || *from < 200 || *to > 499 || *from > *to) return std::nullopt;
    out.emplace_back(static_cast<int>(*from), static_cast<int>(*to));
  }
  return out;
}

bool matches(const Matcher& matcher, int code) {
  return std::any_of(matcher.begin(), matcher.end(), [&](const auto& range) {
    return code >= range.first && code <= range.second;
  });
}

}  // namespace slipway::elb
