// Lifecycle policies as documents: what ECR refuses is refused here. They are not evaluated.
#include "codec/json.h"
#include "ecr/operations.h"

namespace slipway::ecr {

namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw api::InvalidParameterException(
      fmt::format("Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
                  "'Lifecycle policy validation failure: {}'",
                  why));
}

const Json& require(const Json& object, const char* name, const std::string& where) {
  if (!object.is_object() || !object.contains(name))
    refuse(fmt::format("{} needs {}", where, name));
  return object[name];
}

std::string require_one_of(const Json& object, const char* name, const std::string& where,
                           std::initializer_list<const char*> allowed) {
  const Json& value = require(object, name, where);
  for (const char* one : allowed)
    if (value == one) return one;
  refuse(fmt::format("{}: {} is {}, which is not one of [{}]", where, name, value.dump(),
                     fmt::join(allowed, ", ")));
}

int64_t require_positive(const Json& object, const char* name, const std::string& where) {
  const Json& value = require(object, name, where);
  if (!value.is_number_integer() || value.get<int64_t>() < 1)
    refuse(fmt::format("{}: {} must be an integer of at least 1", where, name));
  return value.get<int64_t>();
}

void check_list(const Json& selection, const char* name, const std::string& where) {
  const Json& list = selection[name];
  if (!list.is_array() || list.empty()) refuse(fmt::format("{}: {} is empty", where, name));
  for (const auto& item : list) {
    if (!item.is_string()) refuse(fmt::format("{}: {} must hold strings", where, name));
    const auto& text = item.get_ref<const std::string&>();
    if (std::count(text.begin(), text.end(), '*') > 4)
      refuse(fmt::format("{}: pattern {} has more than 4 wildcards", where, text));
  }
}

// Returns the tag status.
std::string check_selection(const Json& selection, const std::string& where) {
  const std::string status =
      require_one_of(selection, "tagStatus", where, {"tagged", "untagged", "any"});
  const bool prefixes = selection.contains("tagPrefixList");
  const bool patterns = selection.contains("tagPatternList");
  if (status == "tagged" && prefixes == patterns)
    refuse(
        fmt::format("{}: tagStatus tagged needs one of tagPrefixList and tagPatternList", where));
  if (status != "tagged" && (prefixes || patterns))
    refuse(
        fmt::format("{}: tagStatus {} allows no tagPrefixList or tagPatternList", where, status));
  if (prefixes) check_list(selection, "tagPrefixList", where);
  if (patterns) check_list(selection, "tagPatternList", where);
  const std::string type =
      require_one_of(selection, "countType", where, {"imageCountMoreThan", "sinceImagePushed"});
  if (type == "sinceImagePushed")
    require_one_of(selection, "countUnit", where, {"days"});
  else if (selection.contains("countUnit"))
    refuse(fmt::format("{}: countUnit goes with sinceImagePushed only", where));
  require_positive(selection, "countNumber", where);
  return status;
}

struct Seen {
  std::set<int64_t> priorities;
  int untagged = 0;
  std::optional<int64_t> any;
};

void check_rule(const Json& rule, const std::string& where, Seen& seen) {
  const int64_t priority = require_positive(rule, "rulePriority", where);
  if (!seen.priorities.insert(priority).second)
    refuse(fmt::format("rulePriority {} is used twice", priority));
  const std::string status = check_selection(require(rule, "selection", where), where);
  require_one_of(require(rule, "action", where), "type", where, {"expire"});
  if (status == "untagged" && ++seen.untagged > 1)
    refuse("only one rule may select untagged images");
  if (status == "any" && std::exchange(seen.any, priority))
    refuse("only one rule may select any images");
}

}  // namespace

void check_lifecycle_policy(std::string_view text) {
  Json policy;
  try {
    policy = parse_json(text, "lifecyclePolicyText");
  } catch (const Error& e) {
    refuse(e.what());
  }
  const Json& rules = require(policy, "rules", "the policy");
  if (!rules.is_array() || rules.empty() || rules.size() > 50)
    refuse("rules must be a list of 1 to 50");
  Seen seen;
  for (size_t i = 0; i < rules.size(); ++i) check_rule(rules[i], fmt::format("rules[{}]", i), seen);
  if (seen.any && *seen.any != *seen.priorities.rbegin())
    refuse("the rule for any images must have the highest rulePriority");
}

}  // namespace slipway::ecr
