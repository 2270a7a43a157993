// Checks a read input against its model: required members, lengths, ranges, enums, patterns. The
// model under-specifies some services (ECS most of all); the rest is each service's own.
#include <regex>

#include "aws/codec.h"
#include "aws/errors.h"
#include "base/strings.h"
#include "base/sync.h"

namespace slipway::aws {
namespace {

constexpr size_t kMaxViolations = 10;
constexpr size_t kMaxPatternText = 4096;

struct Violation {
  std::string path;
  std::optional<std::string> value;  // nullopt: null, or not to be shown
  bool missing = false;
  std::string constraint;
};

// Null when the model's dialect goes beyond ours (\p{L}, \uXXXX): then the length alone counts.
std::shared_ptr<const std::regex> compile(std::string_view pattern) {
  for (std::string_view beyond : {"\\p", "\\u", "\\x", "(?<", "(?i", "&&", "[["})
    if (pattern.find(beyond) != pattern.npos) return nullptr;
  try {
    // Polynomial: no exponential backtracking, no recursion per character.
    return std::make_shared<std::regex>(
        std::string(pattern), std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    return nullptr;
  }
}

bool matches(std::string_view pattern, const std::string& text) {
  static Sync<std::map<std::string_view, std::shared_ptr<const std::regex>>> known;
  std::shared_ptr<const std::regex> regex;
  {
    auto lock = known.lock();
    auto found = lock->find(pattern);
    if (found == lock->end()) found = lock->emplace(pattern, compile(pattern)).first;
    regex = found->second;
  }
  return !regex || text.size() > kMaxPatternText || std::regex_match(text, *regex);
}

class Checker {
 public:
  explicit Checker(const ServiceModel& model) : model_(model) {}

  std::vector<Violation> violations;

  void structure(const Structure& structure, const void* value, const std::string& path) {
    for (auto& member : structure.members) {
      if (violations.size() >= kMaxViolations) return;
      const void* at = member.optional->get(static_cast<const char*>(value) + member.offset);
      const std::string name = path + spelled(member);
      if (!at) {
        if (member.required)
          violations.push_back({name, std::nullopt, true, "Member must not be null"});
        continue;
      }
      check(*member.shape, at, name);
    }
  }

 private:
  // AWS names members of the XML services in lower camel case here, but EC2's as they are sent.
  std::string spelled(const Member& member) const {
    std::string name(member.name);
    if (model_.protocol == Protocol::query)
      name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
    return name;
  }

  void add(const Shape& shape, const std::string& path, const std::string& value,
           std::string constraint) {
    std::optional<std::string> shown;
    if (!shape.sensitive) shown = value.size() > 256 ? value.substr(0, 256) + "..." : value;
    violations.push_back({path, std::move(shown), false, std::move(constraint)});
  }

  void range(const Shape& shape, int64_t number, const std::string& path, const std::string& value,
             std::string_view what) {
    if (number < shape.min)
      add(shape, path, value,
          fmt::format("Member must have {} greater than or equal to {}", what, shape.min));
    else if (number > shape.max)
      add(shape, path, value,
          fmt::format("Member must have {} less than or equal to {}", what, shape.max));
  }

  void text(const Shape& shape, const std::string& value, const std::string& path) {
    if (!shape.values.empty()) {
      if (std::ranges::find(shape.values, value) == shape.values.end())
        add(shape, path, value,
            fmt::format("Member must satisfy enum value set: [{}]", fmt::join(shape.values, ", ")));
      return;
    }
    const size_t before = violations.size();
    range(shape, static_cast<int64_t>(utf8_length(value)), path, value, "length");
    if (violations.size() == before && !shape.pattern.empty() && !matches(shape.pattern, value))
      add(shape, path, value,
          fmt::format("Member must satisfy regular expression pattern: {}", shape.pattern));
  }

  void number(const Shape& shape, int64_t value, const std::string& path) {
    range(shape, value, path, std::to_string(value), "value");
  }

  void check(const Shape& shape, const void* value, const std::string& path) {
    switch (shape.kind) {
      case ShapeKind::string:
        text(shape, *static_cast<const std::string*>(value), path);
        return;
      case ShapeKind::integer:
        number(shape, *static_cast<const int32_t*>(value), path);
        return;
      case ShapeKind::long_:
        number(shape, *static_cast<const int64_t*>(value), path);
        return;
      case ShapeKind::blob:
        range(shape, static_cast<int64_t>(static_cast<const Blob*>(value)->bytes.size()), path,
              "...", "length");
        return;
      case ShapeKind::list: {
        const size_t size = shape.list->size(value);
        range(shape, static_cast<int64_t>(size), path, "[...]", "length");
        for (size_t i = 0; i < size && violations.size() < kMaxViolations; ++i)
          check(*shape.element, shape.list->at(value, i), fmt::format("{}.{}.member", path, i + 1));
        return;
      }
      case ShapeKind::map:
        map(shape, value, path);
        return;
      case ShapeKind::structure:
        structure(*shape.structure, value, path + ".");
        return;
      default:
        return;
    }
  }

  void map(const Shape& shape, const void* value, const std::string& path) {
    struct Target {
      Checker& self;
      const Shape& shape;
      const std::string& path;
      int64_t count = 0;
    } target{*this, shape, path};
    shape.map->each(value, &target, [](void* to, const std::string& key, const void* element) {
      auto* t = static_cast<Target*>(to);
      ++t->count;
      if (t->self.violations.size() < kMaxViolations)
        t->self.check(*t->shape.element, element, fmt::format("{}.{}.member", t->path, key));
    });
    range(shape, target.count, path, "{...}", "length");
  }

  const ServiceModel& model_;
};

std::string coral_text(const std::vector<Violation>& violations) {
  std::vector<std::string> parts;
  for (auto& v : violations) {
    const std::string value = v.missing ? " null" : v.value ? fmt::format(" '{}'", *v.value) : "";
    parts.push_back(fmt::format("Value{} at '{}' failed to satisfy constraint: {}", value, v.path,
                                v.constraint));
  }
  return fmt::format("{} validation error{} detected: {}", parts.size(),
                     parts.size() == 1 ? "" : "s", join(parts, "; "));
}

// ECR: 'must satisfy regular expression '...''.
std::string ecr_constraint(std::string_view constraint) {
  constexpr std::string_view kPattern = "Member must satisfy regular expression pattern: ";
  if (constraint.starts_with(kPattern))
    return fmt::format("must satisfy regular expression '{}'", constraint.substr(kPattern.size()));
  return std::string(constraint);
}

[[noreturn]] void refuse_ec2(const Violation& first) {
  if (first.missing)
    throw ServiceError("MissingParameter", 400,
                       "The request must contain the parameter " + first.path);
  throw ServiceError("InvalidParameterValue", 400,
                     fmt::format("Value ({}) for parameter {} is invalid. {}",
                                 first.value.value_or(""), first.path, first.constraint));
}

}  // namespace

void validate(const ServiceModel& model, const Structure& structure, const void* value) {
  Checker checker(model);
  checker.structure(structure, value, "");
  if (checker.violations.empty()) return;
  const Violation& first = checker.violations.front();
  if (model.protocol == Protocol::ec2) refuse_ec2(first);
  if (model.name == "ecs" && first.missing) {
    // "Family should not be null or empty."
    std::string path = first.path;
    path[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(path[0])));
    throw ServiceError(validation_code(model), 400, path + " should not be null or empty.");
  }
  if (model.name == "ecr")
    throw ServiceError(validation_code(model), 400,
                       fmt::format("Invalid parameter at '{}' failed to satisfy constraint: '{}'",
                                   first.path, ecr_constraint(first.constraint)));
  throw ServiceError(validation_code(model), 400, coral_text(checker.violations));
}

bool valid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t size = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    if (size == 0 || i + size > text.size()) return false;
    uint32_t code = size == 1 ? c : c & (0x7fu >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3f);
    }
    static constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += size;
  }
  return true;
}

size_t utf8_length(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace slipway::aws
