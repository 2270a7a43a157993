// FilterLogEvents' unstructured filter patterns: terms (all must occur), -terms (none may),
// ?terms (any), each plain or "quoted". Pure. JSON, column and regular-expression patterns are
// refused.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace slipway::logs {

class Filter {
 public:
  // Throws Error(invalid_argument).
  explicit Filter(std::string_view pattern);
  bool matches(std::string_view message) const;

 private:
  std::vector<std::string> all_, none_, any_;
};

}  // namespace slipway::logs
