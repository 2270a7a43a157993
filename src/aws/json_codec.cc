// JSON 1.1: reading requests (strict about types, as AWS is) and writing replies.
#include <cmath>
#include <nlohmann/json.hpp>

#include "aws/codec.h"
#include "base/error.h"
#include "codec/hash.h"
#include "codec/json.h"

namespace slipway::aws {
namespace {

ServiceError serialization_error(const std::string& message) {
  return {"SerializationException", 400, message};
}

// How AWS's parser calls what it found.
const char* token_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::string:
      return "STRING_VALUE";
    case Json::value_t::boolean:
      return json.get<bool>() ? "TRUE_VALUE" : "FALSE_VALUE";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "NUMBER_VALUE";
    case Json::value_t::number_float:
      return "DECIMAL_VALUE";
    case Json::value_t::array:
      return "Start of list";
    case Json::value_t::object:
      return "Start of structure or map";
    default:
      return "NULL_VALUE";
  }
}

[[noreturn]] void wrong_type(const Json& json, const char* wanted, const std::string& path) {
  if (json.is_structured())
    throw serialization_error(fmt::format("{} found where not expected: {}", token_of(json), path));
  throw serialization_error(
      fmt::format("{} can not be converted to {}: {}", token_of(json), wanted, path));
}

int64_t read_integer(const Json& json, const std::string& path, int64_t low, int64_t high) {
  int64_t value = 0;
  if (json.is_number_unsigned()) {
    const auto number = json.get<uint64_t>();
    if (number > static_cast<uint64_t>(high))
      throw serialization_error(fmt::format("Number out of range: {}", path));
    value = static_cast<int64_t>(number);
  } else if (json.is_number_integer()) {
    value = json.get<int64_t>();
  } else if (json.is_number_float()) {
    const auto number = json.get<double>();
    if (number != std::trunc(number)) wrong_type(json, "an Integer", path);
    if (number < -9e15 || number > 9e15)
      throw serialization_error(fmt::format("Number out of range: {}", path));
    value = static_cast<int64_t>(number);
  } else {
    wrong_type(json, "an Integer", path);
  }
  if (value < low || value > high)
    throw serialization_error(fmt::format("Number out of range: {}", path));
  return value;
}

TimePoint read_time(const Json& json, const std::string& path) {
  try {
    if (json.is_string()) return parse_rfc3339(json.get_ref<const std::string&>());
  } catch (const Error&) {
    wrong_type(json, "a Timestamp", path);
  }
  if (!json.is_number()) wrong_type(json, "a Timestamp", path);
  const auto seconds = json.get<double>();
  if (!(std::abs(seconds) < 1e11))
    throw serialization_error(fmt::format("Timestamp out of range: {}", path));
  return from_epoch_seconds(seconds);
}

void read_structure(const Json& in, const Structure& structure, void* out, const std::string& path);

void read_scalar(const Json& in, const Shape& shape, void* out, const std::string& path) {
  switch (shape.kind) {
    case ShapeKind::string:
      if (!in.is_string()) wrong_type(in, "a String", path);
      *static_cast<std::string*>(out) = in.get_ref<const std::string&>();
      return;
    case ShapeKind::integer:
      *static_cast<int32_t*>(out) = static_cast<int32_t>(read_integer(
          in, path, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
      return;
    case ShapeKind::long_:
      *static_cast<int64_t*>(out) = read_integer(in, path, std::numeric_limits<int64_t>::min(),
                                                 std::numeric_limits<int64_t>::max());
      return;
    case ShapeKind::double_:
      if (!in.is_number()) wrong_type(in, "a Double", path);
      *static_cast<double*>(out) = in.get<double>();
      return;
    case ShapeKind::boolean:
      if (!in.is_boolean()) wrong_type(in, "a Boolean", path);
      *static_cast<bool*>(out) = in.get<bool>();
      return;
    case ShapeKind::timestamp:
      static_cast<Timestamp*>(out)->value = read_time(in, path);
      return;
    case ShapeKind::blob:
      if (!in.is_string()) wrong_type(in, "a Blob", path);
      try {
        static_cast<Blob*>(out)->bytes = base64_decode(in.get_ref<const std::string&>());
      } catch (const Error&) {
        throw serialization_error(fmt::format("Invalid base64: {}", path));
      }
      return;
    default:
      return;
  }
}

void read_value(const Json& in, const Shape& shape, void* out, const std::string& path) {
  switch (shape.kind) {
    case ShapeKind::list:
      if (!in.is_array()) wrong_type(in, "a List", path);
      for (size_t i = 0; i < in.size(); ++i) {
        if (in[i].is_null()) continue;
        read_value(in[i], *shape.element, shape.list->append(out), fmt::format("{}.{}", path, i));
      }
      return;
    case ShapeKind::map:
      if (!in.is_object()) wrong_type(in, "a Map", path);
      for (auto& [key, element] : in.items()) {
        if (element.is_null()) continue;
        read_value(element, *shape.element, shape.map->insert(out, key), path + "." + key);
      }
      return;
    case ShapeKind::structure:
      read_structure(in, *shape.structure, out, path);
      return;
    default:
      read_scalar(in, shape, out, path);
  }
}

void read_structure(const Json& in, const Structure& structure, void* out,
                    const std::string& path) {
  if (!in.is_object()) wrong_type(in, "a Structure", path.empty() ? "the request" : path);
  for (auto& member : structure.members) {
    auto found = in.find(std::string(member.wire));
    if (found == in.end() || found->is_null()) continue;
    read_value(*found, *member.shape,
               member.optional->emplace(static_cast<char*>(out) + member.offset),
               path.empty() ? std::string(member.wire) : fmt::format("{}.{}", path, member.wire));
  }
}

void write_structure(std::string& out, const Structure& structure, const void* value);

void write_number(std::string& out, double number) {
  // JSON has no infinity; AWS has no such reply either.
  std::isfinite(number) ? fmt::format_to(std::back_inserter(out), "{}", number)
                        : fmt::format_to(std::back_inserter(out), "0");
}

void write_time(std::string& out, TimePoint time) {
  const int64_t ms = to_epoch_ms(time);
  if (ms % 1000 == 0)
    fmt::format_to(std::back_inserter(out), "{}", ms / 1000);
  else
    fmt::format_to(std::back_inserter(out), "{:.3f}", static_cast<double>(ms) / 1000);
}

void write_scalar(std::string& out, const Shape& shape, const void* value) {
  switch (shape.kind) {
    case ShapeKind::string:
      out += json_string(*static_cast<const std::string*>(value));
      return;
    case ShapeKind::integer:
      fmt::format_to(std::back_inserter(out), "{}", *static_cast<const int32_t*>(value));
      return;
    case ShapeKind::long_:
      fmt::format_to(std::back_inserter(out), "{}", *static_cast<const int64_t*>(value));
      return;
    case ShapeKind::double_:
      write_number(out, *static_cast<const double*>(value));
      return;
    case ShapeKind::boolean:
      out += *static_cast<const bool*>(value) ? "true" : "false";
      return;
    case ShapeKind::timestamp:
      write_time(out, static_cast<const Timestamp*>(value)->value);
      return;
    case ShapeKind::blob:
      out += '"' + base64_encode(static_cast<const Blob*>(value)->bytes) + '"';
      return;
    default:
      return;
  }
}

void write_value(std::string& out, const Shape& shape, const void* value) {
  switch (shape.kind) {
    case ShapeKind::list:
      out += '[';
      for (size_t i = 0; i < shape.list->size(value); ++i) {
        if (i) out += ',';
        write_value(out, *shape.element, shape.list->at(value, i));
      }
      out += ']';
      return;
    case ShapeKind::map: {
      struct Target {
        std::string& out;
        const Shape& element;
      } target{out, *shape.element};
      out += '{';
      shape.map->each(value, &target, [](void* to, const std::string& key, const void* element) {
        auto* t = static_cast<Target*>(to);
        if (t->out.back() != '{') t->out += ',';
        t->out += json_string(key) + ':';
        write_value(t->out, t->element, element);
      });
      out += '}';
      return;
    }
    case ShapeKind::structure:
      write_structure(out, *shape.structure, value);
      return;
    default:
      write_scalar(out, shape, value);
  }
}

void write_structure(std::string& out, const Structure& structure, const void* value) {
  out += '{';
  bool first = true;
  for (auto& member : structure.members) {
    const void* at = member.optional->get(static_cast<const char*>(value) + member.offset);
    if (!at) continue;
    if (!first) out += ',';
    first = false;
    out += '"';
    out += member.wire;
    out += "\":";
    write_value(out, *member.shape, at);
  }
  out += '}';
}

}  // namespace

std::string json_string(std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (plain) return fmt::format("\"{}\"", text);
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void read_json(std::string_view body, const Structure& structure, void* out) {
  if (body.empty()) return;
  Json json;
  try {
    json = parse_json(body, "the request body");
  } catch (const Error& e) {
    throw serialization_error(e.what());
  }
  read_structure(json, structure, out, "");
}

std::string write_json(const Structure& structure, const void* value) {
  std::string out;
  write_structure(out, structure, value);
  return out;
}

}  // namespace slipway::aws
