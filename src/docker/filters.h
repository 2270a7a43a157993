// The `filters` parameter: {"name": {"a": true}} (the CLI) or {"name": ["a"]} (others).
#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::docker {

class Filters {
 public:
  Filters() = default;
  // Throws Error(invalid_argument) on malformed text or a key that is not in allowed.
  static Filters parse(std::string_view text, std::initializer_list<std::string_view> allowed);
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  const std::vector<std::string>& values(std::string_view key) const;
  // True when the key is absent or one of its values is this.
  bool allows(std::string_view key, std::string_view value) const;
  // "key" or "key=value"; every label filter must fit, and none of label!.
  bool allows_labels(const std::map<std::string, std::string>& labels) const;
  // dangling=true|1; nullopt when absent.
  bool flag(std::string_view key, bool fallback) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// name=: a part of the name, ^ and $ at its ends.
bool name_fits(const std::string& name, std::string pattern);

}  // namespace slipway::docker
