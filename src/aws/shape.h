// What a generated shape looks like at run time: tables that the codecs walk, so that one reader
// and one writer per protocol serve every structure of every service. Generated code (aws/gen)
// fills these tables; nothing else does. Not for handlers, which use the plain structs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace slipway::aws {

// A moment in a shape. Converts from and to TimePoint.
struct Timestamp {
  TimePoint value{};
  Timestamp() = default;
  Timestamp(TimePoint t) : value(t) {}
  operator TimePoint() const { return value; }
  friend bool operator==(const Timestamp& a, const Timestamp& b) { return a.value == b.value; }
};

// Bytes in a shape (base64 on the wire).
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};

enum class ShapeKind : uint8_t {
  string,
  integer,  // int32_t
  long_,    // int64_t
  double_,
  boolean,
  timestamp,
  blob,
  list,
  map,
  structure,
};

struct Structure;
struct Shape;

struct OptionalOps {
  void* (*emplace)(void* optional);
  const void* (*get)(const void* optional);  // null when absent
};
struct ListOps {
  void* (*append)(void* list);
  size_t (*size)(const void* list);
  const void* (*at)(const void* list, size_t index);
};
struct MapOps {
  void* (*insert)(void* map, const std::string& key);
  void (*each)(const void* map, void* context,
               void (*fn)(void* context, const std::string& key, const void* value));
};

struct Shape {
  ShapeKind kind = ShapeKind::string;
  std::string_view name{};
  // Length, size or value, by kind.
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  std::string_view pattern{};
  std::span<const std::string_view> values{};  // an enum's
  bool sensitive = false;                      // never in an error text or a log
  // structure
  const Structure* structure = nullptr;
  // list and map
  const Shape* element = nullptr;
  const ListOps* list = nullptr;
  const MapOps* map = nullptr;
  bool flattened = false;
  std::string_view element_name{};  // a list's <member>, when the model renames it
  std::string_view key_name{}, value_name{};
};

struct Member {
  std::string_view name{};        // the model's
  std::string_view wire{};        // locationName, or name
  std::string_view query_name{};  // EC2: queryName, when given
  const Shape* shape = nullptr;
  size_t offset = 0;
  const OptionalOps* optional = nullptr;
  bool required = false;
  bool flattened = false;
  bool renamed = false;  // wire is a locationName
};

struct Structure {
  std::string_view name{};
  std::span<const Member> members;
  std::shared_ptr<void> (*make)() = nullptr;  // inputs and outputs of operations only
};

enum class Protocol : uint8_t { json, query, ec2 };

struct OperationModel {
  std::string_view name{};
  const Structure* input;
  const Structure* output;
  std::string_view result_wrapper{};
};

struct ServiceModel {
  std::string_view name{};   // of the credential scope: "elasticloadbalancing"
  std::string_view space{};  // our namespace: "elb"
  Protocol protocol;
  std::string_view version{};
  std::string_view target_prefix{};
  std::string_view xml_namespace{};
  std::span<const OperationModel> operations;          // with shapes, sorted by name
  std::span<const std::string_view> other_operations;  // known by name only, sorted
};

// Every generated service.
std::span<const ServiceModel* const> all_models();
// Null when there is none.
const ServiceModel* find_model(std::string_view service);
const OperationModel* find_operation(const ServiceModel& service, std::string_view name);

// Generated structures have this.
template <typename T>
concept GeneratedShape = requires {
  { T::shape_info() } -> std::same_as<const Structure&>;
};

// The form in which shapes are stored: the model's member names, absent members left out, times as
// epoch seconds, blobs base64. Reading ignores unknown members and throws Error(invalid_argument).
void to_stored_json(nlohmann::json& out, const Structure& structure, const void* value);
void from_stored_json(const nlohmann::json& in, const Structure& structure, void* value);

void to_json(nlohmann::json& out, const Timestamp& value);
void from_json(const nlohmann::json& in, Timestamp& value);
void to_json(nlohmann::json& out, const Blob& value);
void from_json(const nlohmann::json& in, Blob& value);

// --- for generated code ---

template <typename T>
inline constexpr OptionalOps optional_ops{
    [](void* p) -> void* { return &static_cast<std::optional<T>*>(p)->emplace(); },
    [](const void* p) -> const void* {
      auto& o = *static_cast<const std::optional<T>*>(p);
      return o ? &*o : nullptr;
    }};

template <typename T>
inline constexpr ListOps list_ops{
    [](void* p) -> void* { return &static_cast<std::vector<T>*>(p)->emplace_back(); },
    [](const void* p) { return static_cast<const std::vector<T>*>(p)->size(); },
    [](const void* p, size_t i) -> const void* {
      return &(*static_cast<const std::vector<T>*>(p))[i];
    }};

template <typename T>
inline constexpr MapOps map_ops{
    [](void* p, const std::string& key) -> void* {
      return &(*static_cast<std::map<std::string, T>*>(p))[key];
    },
    [](const void* p, void* context, void (*fn)(void*, const std::string&, const void*)) {
      for (auto& [key, value] : *static_cast<const std::map<std::string, T>*>(p))
        fn(context, key, &value);
    }};

// Not make_shared: its control block would be compiled for each of hundreds of structures.
std::shared_ptr<void> own_shape(void* shape, void (*destroy)(void*));

template <typename T>
std::shared_ptr<void> make_shape() {
  return own_shape(new T, [](void* shape) { delete static_cast<T*>(shape); });
}

}  // namespace slipway::aws

// Generated structures convert to and from nlohmann::json anywhere, also inside other types.
template <slipway::aws::GeneratedShape T>
struct nlohmann::adl_serializer<T, void> {
  static void to_json(nlohmann::json& j, const T& value) {
    slipway::aws::to_stored_json(j, T::shape_info(), &value);
  }
  static void from_json(const nlohmann::json& j, T& value) {
    slipway::aws::from_stored_json(j, T::shape_info(), &value);
  }
};
