// Small text helpers that the standard library of C++20 lacks.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

std::vector<std::string> split(std::string_view text, char separator);
// At most two parts; second is empty when the separator is absent.
std::pair<std::string, std::string> split_once(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
std::string replace_all(std::string text, std::string_view from, std::string_view to);
// The whole text must be a decimal number of the type's range.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);
// Shell-style match: * (also across /) and ?. No brackets. Linear in practice, no recursion.
bool glob_match(std::string_view pattern, std::string_view text);
// 1.5GB, 512m, 10k (powers of 1024; B and iB allowed); nullopt when malformed or negative.
std::optional<uint64_t> parse_bytes(std::string_view text);
// True when every character satisfies [A-Za-z0-9] or is in extra.
bool only_alnum_and(std::string_view text, std::string_view extra);

}  // namespace slipway
