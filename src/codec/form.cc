#include "codec/form.h"

#include "base/error.h"
#include "codec/hash.h"

namespace slipway {
namespace {

constexpr size_t kMaxPairs = 10'000;

bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string percent_encode(std::string_view text, std::string_view keep) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      out += ' ';
    } else if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        throw invalid_argument("malformed percent escape at offset {}", i);
      }
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

Pairs parse_query(std::string_view query) {
  Pairs out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    if (out.size() == kMaxPairs) throw too_large("more than {} parameters", kMaxPairs);
    const auto equals = std::min(part.find('='), part.size());
    out.emplace_back(percent_decode(part.substr(0, equals), true),
                     equals < part.size() ? percent_decode(part.substr(equals + 1), true) : "");
  }
  return out;
}

std::string encode_query(const Pairs& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) {
    if (!out.empty()) out += '&';
    out += percent_encode(key);
    out += '=';
    out += percent_encode(value);
  }
  return out;
}

std::string query_value(const Pairs& pairs, std::string_view key, std::string_view fallback) {
  for (const auto& [name, value] : pairs) {
    if (name == key) return value;
  }
  return std::string(fallback);
}

std::vector<std::string> query_values(const Pairs& pairs, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& [name, value] : pairs) {
    if (name == key) out.push_back(value);
  }
  return out;
}

bool query_flag(const Pairs& pairs, std::string_view key) {
  const auto value = query_value(pairs, key);
  return value == "1" || value == "true" || value == "True";
}

}  // namespace slipway
