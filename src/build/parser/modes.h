// What --chmod says: an octal mode, or symbolic changes ("u=rwX,go-w"). Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::build {

class ModeChange {
 public:
  // Throws Error(invalid_argument).
  static ModeChange parse(std::string_view text);
  uint32_t apply(uint32_t mode, bool directory) const;

 private:
  struct Clause {
    uint32_t who = 0;  // mask of the bits that may change
    char op = '=';
    std::string what;  // rwxXst
  };
  static Clause parse_clause(std::string_view text, std::string_view whole);
  bool octal_ = false;
  uint32_t value_ = 0;
  std::vector<Clause> clauses_;
};

}  // namespace slipway::build
