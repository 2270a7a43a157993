#include "docker/fields.h"

#include "base/error.h"

namespace slipway::docker {
namespace {

[[noreturn]] void bad_type(const char* name, const char* wanted) {
  throw invalid_argument("invalid request body: {} must be {}", name, wanted);
}

}  // namespace

const Json& member(const Json& object, const char* name) {
  static const Json kNull;
  const auto it = object.find(name);
  return it == object.end() ? kNull : *it;
}

std::string text_field(const Json& object, const char* name) {
  const auto& value = member(object, name);
  if (value.is_null()) return {};
  if (!value.is_string()) bad_type(name, "a string");
  return value.get<std::string>();
}

bool flag_field(const Json& object, const char* name) {
  const auto& value = member(object, name);
  if (value.is_null()) return false;
  if (!value.is_boolean()) bad_type(name, "true or false");
  return value.get<bool>();
}

int64_t number_field(const Json& object, const char* name) {
  const auto& value = member(object, name);
  if (value.is_null()) return 0;
  if (!value.is_number_integer()) bad_type(name, "an integer");
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) bad_type(name, "smaller");
  return value.get<int64_t>();
}

uint64_t size_field(const Json& object, const char* name) {
  const auto value = number_field(object, name);
  if (value < 0) bad_type(name, "zero or more");
  return static_cast<uint64_t>(value);
}

std::vector<std::string> list_field(const Json& object, const char* name) {
  const auto& value = member(object, name);
  if (value.is_null()) return {};
  if (value.is_string()) return {value.get<std::string>()};
  if (!value.is_array()) bad_type(name, "a list of strings");
  std::vector<std::string> out;
  for (const auto& item : value) {
    if (!item.is_string()) bad_type(name, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::map<std::string, std::string> map_field(const Json& object, const char* name) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : object_field(object, name).items()) {
    if (!value.is_string()) bad_type(name, "an object of strings");
    out[key] = value.get<std::string>();
  }
  return out;
}

const Json& object_field(const Json& object, const char* name) {
  static const Json kEmpty = Json::object();
  const auto& value = member(object, name);
  if (value.is_null()) return kEmpty;
  if (!value.is_object()) bad_type(name, "an object");
  return value;
}

bool is_default(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value == 0;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.empty();
}

}  // namespace slipway::docker
