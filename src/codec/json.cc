#include "codec/json.h"

#include <string>

#include "base/error.h"

namespace slipway {
namespace {

constexpr int kMaxJsonDepth = 200;

// Depth of nesting is checked before parsing, so that no deep document is ever built (or torn down
// recursively).
void refuse_deep_nesting(std::string_view text, std::string_view what) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth)
        throw invalid_argument("{}: nested deeper than {}", what, kMaxJsonDepth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." -> from
// "line".
std::string_view position_and_reason(std::string_view text) {
  const auto at = text.find("line ");
  if (at != std::string_view::npos) return text.substr(at);
  const auto close = text.find("] ");
  return close == std::string_view::npos ? text : text.substr(close + 2);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  refuse_deep_nesting(text, what);
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw invalid_argument("{}: {}", what, position_and_reason(e.what()));
  }
}

}  // namespace slipway
