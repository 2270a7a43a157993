// The Query protocols: form fields in, XML out. Both flavours: plain Query (lists as X.member.N)
// and EC2's (lists as X.N, names capitalised, <item> elements).
#include <cmath>

#include "aws/codec.h"
#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"

namespace slipway::aws {
namespace {

constexpr int kMaxDepth = 32;

// The fields as a tree: "Tags.member.1.Key" is Tags -> member -> 1 -> Key.
struct Node {
  std::optional<std::string> value;
  std::map<std::string, Node, std::less<>> children;

  const Node* child(std::string_view name) const {
    auto found = children.find(name);
    return found == children.end() ? nullptr : &found->second;
  }
  // Children whose names are numbers, in order of the number.
  std::vector<const Node*> items() const {
    std::map<uint64_t, const Node*> sorted;
    for (auto& [name, node] : children)
      if (auto index = parse_uint(name)) sorted.emplace(*index, &node);
    std::vector<const Node*> out;
    for (auto& [index, node] : sorted) out.push_back(node);
    return out;
  }
};

Node make_tree(const Pairs& form) {
  Node root;
  for (auto& [name, value] : form) {
    Node* node = &root;
    int depth = 0;
    for (auto& part : split(name, '.')) {
      if (++depth > kMaxDepth)
        throw ServiceError("ValidationError", 400, "A parameter's name has too many parts.");
      node = &node->children[part];
    }
    node->value = value;
  }
  return root;
}

class Reader {
 public:
  explicit Reader(const ServiceModel& model) : model_(model) {}

  void structure(const Node& in, const Structure& structure, void* out,
                 const std::string& path) const {
    for (auto& member : structure.members) {
      const std::string name = name_of(member);
      const Node* node = in.child(name);
      if (!node) continue;
      read(*node, *member.shape, member.flattened,
           member.optional->emplace(static_cast<char*>(out) + member.offset),
           path.empty() ? name : path + "." + name);
    }
  }

 private:
  std::string name_of(const Member& member) const {
    if (model_.protocol == Protocol::ec2) {
      if (!member.query_name.empty()) return std::string(member.query_name);
      std::string name(member.wire);
      name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
      return name;
    }
    if (member.flattened && member.shape->kind == ShapeKind::list &&
        !member.shape->element_name.empty())
      return std::string(member.shape->element_name);
    return std::string(member.wire);
  }

  [[noreturn]] void wrong(const Node& in, const Shape& shape, const char* wanted,
                          const std::string& path) const {
    std::string value = shape.sensitive || !valid_utf8(*in.value) ? "" : in.value->substr(0, 200);
    if (model_.protocol == Protocol::ec2)
      throw ServiceError(
          "InvalidParameterValue", 400,
          fmt::format("Invalid value '{}' for {}. It must be {}.", value, path, wanted));
    throw ServiceError(
        "ValidationError", 400,
        fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy "
                    "constraint: Member must be {}",
                    value, path, wanted));
  }

  template <typename T>
  T integer(const Node& in, const Shape& shape, const std::string& path) const {
    auto number = parse_int(trim(*in.value));
    if (!number || *number < std::numeric_limits<T>::min() ||
        *number > std::numeric_limits<T>::max())
      wrong(in, shape, "an integer", path);
    return static_cast<T>(*number);
  }

  void scalar(const Node& in, const Shape& shape, void* out, const std::string& path) const {
    if (!in.value)
      throw ServiceError(model_.protocol == Protocol::ec2 ? "InvalidParameter" : "ValidationError",
                         400, fmt::format("The parameter {} takes one value.", path));
    const std::string& text = *in.value;
    switch (shape.kind) {
      case ShapeKind::integer:
        *static_cast<int32_t*>(out) = integer<int32_t>(in, shape, path);
        return;
      case ShapeKind::long_:
        *static_cast<int64_t*>(out) = integer<int64_t>(in, shape, path);
        return;
      case ShapeKind::double_: {
        auto number = parse_double(text);
        if (!number || !std::isfinite(*number)) wrong(in, shape, "a number", path);
        *static_cast<double*>(out) = *number;
        return;
      }
      case ShapeKind::boolean:
        if (!iequals(text, "true") && !iequals(text, "false"))
          wrong(in, shape, "true or false", path);
        *static_cast<bool*>(out) = iequals(text, "true");
        return;
      case ShapeKind::timestamp:
        *static_cast<Timestamp*>(out) = time(in, shape, path);
        return;
      case ShapeKind::blob:
        try {
          static_cast<Blob*>(out)->bytes = base64_decode(text);
        } catch (const Error&) {
          wrong(in, shape, "base64", path);
        }
        return;
      default:
        if (!valid_utf8(text)) wrong(in, shape, "UTF-8 text", path);
        *static_cast<std::string*>(out) = text;
    }
  }

  Timestamp time(const Node& in, const Shape& shape, const std::string& path) const {
    try {
      auto seconds = parse_double(*in.value);
      if (seconds && std::abs(*seconds) < 1e11) return from_epoch_seconds(*seconds);
      return parse_rfc3339(*in.value);
    } catch (const Error&) {
      wrong(in, shape, "a time like 2026-01-31T12:00:00Z", path);
    }
  }

  void read(const Node& in, const Shape& shape, bool flattened, void* out,
            const std::string& path) const {
    switch (shape.kind) {
      case ShapeKind::list:
        list(in, shape, flattened, out, path);
        return;
      case ShapeKind::map:
        map(in, shape, flattened, out, path);
        return;
      case ShapeKind::structure:
        structure(in, *shape.structure, out, path);
        return;
      default:
        scalar(in, shape, out, path);
    }
  }

  // "Tags=" alone is an empty list: the node is there and has no items.
  void list(const Node& in, const Shape& shape, bool flattened, void* out,
            const std::string& path) const {
    const Node* items = &in;
    std::string prefix = path;
    if (!flattened && model_.protocol == Protocol::query) {
      const std::string_view name = shape.element_name.empty() ? "member" : shape.element_name;
      prefix += fmt::format(".{}", name);
      items = in.child(name);
    }
    if (!items) return;
    size_t index = 0;
    for (auto* item : items->items())
      read(*item, *shape.element, shape.element->flattened, shape.list->append(out),
           fmt::format("{}.{}", prefix, ++index));
  }

  void map(const Node& in, const Shape& shape, bool flattened, void* out,
           const std::string& path) const {
    const Node* entries = flattened ? &in : in.child("entry");
    if (!entries) return;
    for (auto* entry : entries->items()) {
      const Node* key = entry->child(shape.key_name);
      const Node* value = entry->child(shape.value_name);
      if (!key || !key->value || !value || !valid_utf8(*key->value))
        throw ServiceError("ValidationError", 400,
                           fmt::format("Each entry of {} takes a {} and a {}.", path,
                                       shape.key_name, shape.value_name));
      read(*value, *shape.element, shape.element->flattened, shape.map->insert(out, *key->value),
           path + "." + *key->value);
    }
  }

  const ServiceModel& model_;
};

}  // namespace

void read_query(const ServiceModel& model, const Pairs& form, const Structure& structure,
                void* out) {
  Reader(model).structure(make_tree(form), structure, out, "");
}

}  // namespace slipway::aws
