// Encodings that make any bytes safe inside a line of HAProxy configuration.
#pragma once
#include <string>
#include <string_view>

namespace slipway::haproxy {

// 'text' in HAProxy's strong quotes. Throws Error(invalid_argument) if text holds a quote or a
// control character: callers encode first.
std::string single_quoted(std::string_view text);
// A section name or identifier. Throws Error(invalid_argument) unless [A-Za-z0-9_.-]+.
std::string checked_name(std::string_view text);
// Only letters, digits and . _ ~ / - : may stand as a literal.
bool is_plain(std::string_view text);
// Matches exactly these bytes: [A-Za-z0-9] and \xHH.
std::string regex_literal(std::string_view text);
// AWS wildcards: '*' -> any_many, '?' -> any_one. escapes: "\*", "\?" and "\\" stand for
// themselves.
std::string wildcard_regex(std::string_view pattern, std::string_view any_many = ".*",
                           std::string_view any_one = ".", bool escapes = false);
// Percent-encodes what may not stand in a URL (an existing %HH stays) and doubles '%' for
// log-format.
std::string location_literal(std::string_view text);

}  // namespace slipway::haproxy
