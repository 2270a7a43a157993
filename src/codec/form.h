// Percent encoding, query strings and application/x-www-form-urlencoded bodies.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// RFC 3986: all but unreserved; keep: further characters left as they are (e.g. "/").
std::string percent_encode(std::string_view text, std::string_view keep = {});
// plus_is_space: form rules. Throws Error(invalid_argument) on a malformed escape.
std::string percent_decode(std::string_view text, bool plus_is_space = false);
// "a=1&b=&c" in order; a key without '=' has an empty value. At most 10,000 pairs.
Pairs parse_query(std::string_view query);
std::string encode_query(const Pairs& pairs);
// The first value of key, or fallback.
std::string query_value(const Pairs& pairs, std::string_view key, std::string_view fallback = {});
std::vector<std::string> query_values(const Pairs& pairs, std::string_view key);
bool query_flag(const Pairs& pairs, std::string_view key);  // 1, true, True = true

}  // namespace slipway
