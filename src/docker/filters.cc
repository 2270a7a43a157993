#include "docker/filters.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"

namespace slipway::docker {

Filters Filters::parse(std::string_view text, std::initializer_list<std::string_view> allowed) {
  Filters out;
  if (text.empty()) return out;
  const auto json = parse_json(text, "filters");
  if (!json.is_object()) throw invalid_argument("invalid filter: want a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      throw invalid_argument("invalid filter '{}'", key);
    }
    auto& list = out.values_[key];
    if (value.is_array()) {
      for (const auto& item : value) {
        if (!item.is_string()) throw invalid_argument("invalid filter '{}': want strings", key);
        list.push_back(item.get<std::string>());
      }
    } else if (value.is_object()) {
      for (const auto& [item, on] : value.items()) {
        if (on.is_boolean() && on.get<bool>()) list.push_back(item);
      }
    } else {
      throw invalid_argument("invalid filter '{}': want a list", key);
    }
    if (list.empty()) out.values_.erase(key);
  }
  return out;
}

const std::vector<std::string>& Filters::values(std::string_view key) const {
  static const std::vector<std::string> kNone;
  const auto it = values_.find(key);
  return it == values_.end() ? kNone : it->second;
}

bool Filters::allows(std::string_view key, std::string_view value) const {
  if (!has(key)) return true;
  const auto& list = values(key);
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool Filters::allows_labels(const std::map<std::string, std::string>& labels) const {
  for (const auto& wanted : values("label")) {
    const auto [key, value] = split_once(wanted, '=');
    const auto it = labels.find(key);
    if (it == labels.end()) return false;
    if (wanted.find('=') != std::string::npos && it->second != value) return false;
  }
  for (const auto& unwanted : values("label!")) {
    const auto [key, value] = split_once(unwanted, '=');
    const auto it = labels.find(key);
    if (it == labels.end()) continue;
    if (unwanted.find('=') == std::string::npos || it->second == value) return false;
  }
  return true;
}

bool Filters::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto value = values(key).front();
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw invalid_argument("invalid filter '{}={}'", key, value);
}

// The reference takes regular expressions; plain text with ^ and $ is what people use.
bool name_fits(const std::string& name, std::string pattern) {
  const bool from_start = pattern.starts_with('^');
  if (from_start) pattern.erase(0, 1);
  const bool to_end = pattern.ends_with('$');
  if (to_end) pattern.pop_back();
  if (pattern.starts_with('/')) pattern.erase(0, 1);
  if (from_start && to_end) return name == pattern;
  if (from_start) return name.starts_with(pattern);
  if (to_end) return name.ends_with(pattern);
  return name.find(pattern) != std::string::npos;
}

}  // namespace slipway::docker
