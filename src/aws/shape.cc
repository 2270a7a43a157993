// Looking up models, and the stored (JSON) form of shapes.
#include "aws/shape.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "aws/op.h"
#include "base/error.h"
#include "codec/hash.h"

namespace slipway::aws {
namespace {

using Json = nlohmann::json;

Json stored_value(const Shape& shape, const void* value);

Json stored_map(const Shape& shape, const void* value) {
  struct Target {
    Json out = Json::object();
    const Shape* element;
  } target{.element = shape.element};
  shape.map->each(value, &target, [](void* to, const std::string& key, const void* element) {
    auto* t = static_cast<Target*>(to);
    t->out[key] = stored_value(*t->element, element);
  });
  return std::move(target.out);
}

Json stored_value(const Shape& shape, const void* value) {
  switch (shape.kind) {
    case ShapeKind::string:
      return *static_cast<const std::string*>(value);
    case ShapeKind::integer:
      return *static_cast<const int32_t*>(value);
    case ShapeKind::long_:
      return *static_cast<const int64_t*>(value);
    case ShapeKind::double_:
      return *static_cast<const double*>(value);
    case ShapeKind::boolean:
      return *static_cast<const bool*>(value);
    case ShapeKind::timestamp:
      return to_epoch_seconds(static_cast<const Timestamp*>(value)->value);
    case ShapeKind::blob:
      return base64_encode(static_cast<const Blob*>(value)->bytes);
    case ShapeKind::list: {
      Json out = Json::array();
      for (size_t i = 0; i < shape.list->size(value); ++i)
        out.push_back(stored_value(*shape.element, shape.list->at(value, i)));
      return out;
    }
    case ShapeKind::map:
      return stored_map(shape, value);
    case ShapeKind::structure: {
      Json out;
      to_stored_json(out, *shape.structure, value);
      return out;
    }
  }
  throw internal("shape {}: no such kind", shape.name);
}

void read_stored(const Shape& shape, const Json& in, void* value) {
  switch (shape.kind) {
    case ShapeKind::string:
      *static_cast<std::string*>(value) = in.get<std::string>();
      return;
    case ShapeKind::integer:
      *static_cast<int32_t*>(value) = in.get<int32_t>();
      return;
    case ShapeKind::long_:
      *static_cast<int64_t*>(value) = in.get<int64_t>();
      return;
    case ShapeKind::double_:
      *static_cast<double*>(value) = in.get<double>();
      return;
    case ShapeKind::boolean:
      *static_cast<bool*>(value) = in.get<bool>();
      return;
    case ShapeKind::timestamp:
      static_cast<Timestamp*>(value)->value = from_epoch_seconds(in.get<double>());
      return;
    case ShapeKind::blob:
      static_cast<Blob*>(value)->bytes = base64_decode(in.get<std::string>());
      return;
    case ShapeKind::list:
      for (auto& element : in) read_stored(*shape.element, element, shape.list->append(value));
      return;
    case ShapeKind::map:
      for (auto& [key, element] : in.items())
        read_stored(*shape.element, element, shape.map->insert(value, key));
      return;
    case ShapeKind::structure:
      from_stored_json(in, *shape.structure, value);
      return;
  }
}

}  // namespace

void to_stored_json(Json& out, const Structure& structure, const void* value) {
  out = Json::object();
  for (auto& member : structure.members) {
    const void* at = member.optional->get(static_cast<const char*>(value) + member.offset);
    if (at) out[std::string(member.name)] = stored_value(*member.shape, at);
  }
}

void from_stored_json(const Json& in, const Structure& structure, void* value) {
  if (!in.is_object())
    throw invalid_argument("stored {}: expected an object, found {}", structure.name,
                           in.type_name());
  for (auto& member : structure.members) {
    auto found = in.find(std::string(member.name));
    if (found == in.end() || found->is_null()) continue;
    try {
      read_stored(*member.shape, *found,
                  member.optional->emplace(static_cast<char*>(value) + member.offset));
    } catch (const Json::exception& e) {
      throw invalid_argument("stored {}.{}: {}", structure.name, member.name, e.what());
    }
  }
}

void to_json(Json& out, const Timestamp& value) {
  out = to_epoch_seconds(value.value);
}
void from_json(const Json& in, Timestamp& value) {
  value.value = from_epoch_seconds(in.get<double>());
}
void to_json(Json& out, const Blob& value) {
  out = base64_encode(value.bytes);
}
void from_json(const Json& in, Blob& value) {
  value.bytes = base64_decode(in.get<std::string>());
}

std::shared_ptr<void> own_shape(void* shape, void (*destroy)(void*)) {
  return {shape, destroy};
}

const ServiceModel* find_model(std::string_view service) {
  for (auto* model : all_models())
    if (model->name == service) return model;
  return nullptr;
}

const OperationModel* find_operation(const ServiceModel& service, std::string_view name) {
  auto found = std::ranges::lower_bound(service.operations, name, {}, &OperationModel::name);
  return found != service.operations.end() && found->name == name ? &*found : nullptr;
}

Transaction transaction_of(std::string_view operation, Transaction wanted) {
  if (wanted != Transaction::automatic) return wanted;
  for (std::string_view prefix : {"Describe", "List", "Get", "BatchGet", "BatchCheck", "Filter"})
    if (operation.starts_with(prefix)) return Transaction::read;
  return Transaction::write;
}

std::string Context::arn(std::string_view service, std::string_view resource) const {
  return fmt::format("arn:aws:{}:{}:{}:{}", service, region, account, resource);
}

}  // namespace slipway::aws
