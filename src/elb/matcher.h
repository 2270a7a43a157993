// Which HTTP codes a health check accepts: "200", "200,202", "200-299", "200,300-399".
#pragma once
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway::elb {

using Matcher = std::vector<std::pair<int, int>>;  // inclusive ranges

// nullopt when malformed or outside 200-499.
std::optional<Matcher> parse_matcher(std::string_view text);
bool matches(const Matcher& matcher, int code);

}  // namespace slipway::elb
