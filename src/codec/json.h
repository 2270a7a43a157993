// JSON is nlohmann::json. This header adds what it lacks: std::optional members (absent or null =
// nullopt) and parsing that throws our Error with the position.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace slipway {

using Json = nlohmann::json;

// Throws Error(invalid_argument) "<what>: line L, column C: ..."; refuses nesting deeper than 200.
Json parse_json(std::string_view text, std::string_view what = "JSON");

}  // namespace slipway

namespace nlohmann {
template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) {
    if (value) {
      j = *value;
    } else {
      j = nullptr;
    }
  }
  static void from_json(const json& j, std::optional<T>& value) {
    if (j.is_null()) {
      value.reset();
    } else {
      value = j.get<T>();
    }
  }
};
}  // namespace nlohmann
