// Writing the Query protocols' replies as XML: lists as <member>, or under the model's own names
// (EC2's <item>).
#include "aws/codec.h"
#include "base/error.h"
#include "codec/hash.h"
#include "codec/xml.h"

namespace slipway::aws {
namespace {

class Writer {
 public:
  explicit Writer(const ServiceModel& model) : model_(model) {}
  std::string take() { return std::move(out_); }

  void structure(const Structure& structure, const void* value) {
    for (auto& member : structure.members) {
      const void* at = member.optional->get(static_cast<const char*>(value) + member.offset);
      if (!at) continue;
      std::string_view name = member.wire;
      if (member.flattened && member.shape->kind == ShapeKind::list &&
          !member.shape->element_name.empty() && model_.protocol == Protocol::query)
        name = member.shape->element_name;
      write(name, *member.shape, member.flattened, at);
    }
  }

 private:
  void element(std::string_view name, std::string_view text) {
    fmt::format_to(std::back_inserter(out_), "<{0}>{1}</{0}>", name, text);
  }

  std::string scalar(const Shape& shape, const void* value) const {
    switch (shape.kind) {
      case ShapeKind::integer:
        return fmt::format("{}", *static_cast<const int32_t*>(value));
      case ShapeKind::long_:
        return fmt::format("{}", *static_cast<const int64_t*>(value));
      case ShapeKind::double_:
        return fmt::format("{}", *static_cast<const double*>(value));
      case ShapeKind::boolean:
        return *static_cast<const bool*>(value) ? "true" : "false";
      case ShapeKind::timestamp:
        return to_rfc3339(static_cast<const Timestamp*>(value)->value, time_digits());
      case ShapeKind::blob:
        return base64_encode(static_cast<const Blob*>(value)->bytes);
      default:
        return xml_escape(*static_cast<const std::string*>(value));
    }
  }

  // IAM and STS speak in whole seconds, the others in milliseconds.
  int time_digits() const { return model_.name == "iam" || model_.name == "sts" ? 0 : 3; }

  void open(std::string_view name) { fmt::format_to(std::back_inserter(out_), "<{}>", name); }
  void close(std::string_view name) { fmt::format_to(std::back_inserter(out_), "</{}>", name); }

  void write(std::string_view name, const Shape& shape, bool flattened, const void* value) {
    switch (shape.kind) {
      case ShapeKind::structure:
        open(name);
        structure(*shape.structure, value);
        close(name);
        return;
      case ShapeKind::list:
        list(name, shape, flattened, value);
        return;
      case ShapeKind::map:
        map(name, shape, flattened, value);
        return;
      default:
        element(name, scalar(shape, value));
    }
  }

  void list(std::string_view name, const Shape& shape, bool flattened, const void* value) {
    const std::string_view item = flattened                    ? name
                                  : shape.element_name.empty() ? "member"
                                                               : shape.element_name;
    if (!flattened) open(name);
    for (size_t i = 0; i < shape.list->size(value); ++i)
      write(item, *shape.element, shape.element->flattened, shape.list->at(value, i));
    if (!flattened) close(name);
  }

  void map(std::string_view name, const Shape& shape, bool flattened, const void* value) {
    struct Target {
      Writer& self;
      const Shape& shape;
      std::string_view entry;
    } target{*this, shape, flattened ? name : "entry"};
    if (!flattened) open(name);
    shape.map->each(value, &target, [](void* to, const std::string& key, const void* element) {
      auto* t = static_cast<Target*>(to);
      t->self.open(t->entry);
      t->self.element(t->shape.key_name, xml_escape(key));
      t->self.write(t->shape.value_name, *t->shape.element, t->shape.element->flattened, element);
      t->self.close(t->entry);
    });
    if (!flattened) close(name);
  }

  const ServiceModel& model_;
  std::string out_;
};

}  // namespace

std::string write_xml(const ServiceModel& model, const Structure& structure, const void* value) {
  Writer writer(model);
  writer.structure(structure, value);
  return writer.take();
}

}  // namespace slipway::aws
