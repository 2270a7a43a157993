#include "haproxy/escape.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"

namespace slipway::haproxy {
namespace {
bool alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
void append_regex_byte(std::string& out, char c) {
  if (alnum(c)) {
    out += c;
  } else {
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}
}  // namespace

std::string single_quoted(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '\'') {
      throw invalid_argument("the byte 0x{:02x} cannot stand in a HAProxy configuration value",
                             byte);
    }
  }
  return "'" + std::string(text) + "'";
}

std::string checked_name(std::string_view text) {
  if (text.empty() || text.size() > 128 || !only_alnum_and(text, "_.-")) {
    throw invalid_argument("'{}' cannot be a HAProxy name: letters, digits, '_', '.', '-' only",
                           text);
  }
  return std::string(text);
}

bool is_plain(std::string_view text) {
  return !text.empty() && only_alnum_and(text, "._~/-");
}

std::string regex_literal(std::string_view text) {
  std::string out;
  for (const char c : text) append_regex_byte(out, c);
  return out;
}

std::string wildcard_regex(std::string_view pattern, std::string_view any_many,
                           std::string_view any_one, bool escapes) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (escapes && c == '\\' && i + 1 < pattern.size() &&
        std::string_view("*?\\").find(pattern[i + 1]) != std::string_view::npos) {
      append_regex_byte(out, pattern[++i]);
    } else if (c == '*') {
      // A run of stars is one star: "a**b" must not backtrack twice as hard.
      if (i == 0 || pattern[i - 1] != '*') out += any_many;
    } else if (c == '?') {
      out += any_one;
    } else {
      append_regex_byte(out, c);
    }
  }
  return out;
}

std::string location_literal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escape_sequence =
        c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) && hex_digit(text[i + 2]);
    if (escape_sequence) {
      out += "%%";
    } else if (alnum(c) ||
               std::string_view("-._~/:?@!&()*+,;=").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace slipway::haproxy
