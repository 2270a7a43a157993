// Rules of listeners.
#include "aws/page.h"
#include "base/ids.h"
#include "base/strings.h"
#include "elb/actions.h"
#include "elb/handlers.h"

namespace slipway::elb {
namespace {

bool is_default(const RuleRow& rule) {
  return rule.shape.IsDefault.value_or(false);
}

void check_priority(int32_t priority) {
  if (priority < 1 || priority > 50000) {
    throw validation("The priority '{}' must be from 1 to 50000", priority);
  }
}

void refuse_transforms(const std::optional<std::vector<e::RuleTransform>>& transforms) {
  if (transforms && !transforms->empty()) {
    throw validation("Rule transforms are not supported by Slipway yet");
  }
}

}  // namespace

e::CreateRuleOutput create_rule(Elb&, aws::Context& c, const e::CreateRuleInput& in) {
  need_listener(c, *in.ListenerArn);
  check_priority(*in.Priority);
  refuse_transforms(in.Transforms);
  const auto existing = sorted_rules(*c.db, *in.ListenerArn);
  for (auto& rule : existing) {
    if (rule->shape.Priority == std::to_string(*in.Priority)) {
      throw e::PriorityInUseException("Priority '" + std::to_string(*in.Priority) +
                                      "' is currently in use");
    }
  }
  if (existing.size() > 100) {
    throw e::TooManyRulesException("A load balancer can have at most 100 rules");
  }
  RuleRow row;
  row.tags = tags_of(in.Tags);
  row.shape.RuleArn = rules_of(*in.ListenerArn) + random_hex(16);
  row.shape.Priority = std::to_string(*in.Priority);
  row.shape.Conditions = checked_conditions(*in.Conditions);
  row.shape.Actions = checked_actions(*in.Actions);
  row.shape.IsDefault = false;
  put_rule(*c.db, row);
  e::CreateRuleOutput out;
  out.Rules = {row.shape};
  return out;
}

e::DescribeRulesOutput describe_rules(Elb&, aws::Context& c, const e::DescribeRulesInput& in) {
  std::vector<std::shared_ptr<const RuleRow>> rows;
  if (in.ListenerArn) {
    need_listener(c, *in.ListenerArn);
    rows = sorted_rules(*c.db, *in.ListenerArn);
  } else if (in.RuleArns && !in.RuleArns->empty()) {
    for (auto& arn : *in.RuleArns) rows.push_back(need_rule(c, arn));
  } else {
    throw validation("You must specify either rule ARNs or a listener ARN");
  }
  // Sorted by priority, so the page's key is the priority, too.
  const auto key = [](const auto& row) {
    const auto number = parse_uint(row->shape.Priority.value_or(""));
    return number ? fmt::format("{:05}", *number) : std::string("default");
  };
  const auto page = aws::paginate("elb.rules", rows, key, in.Marker,
                                  static_cast<size_t>(in.PageSize.value_or(400)));
  e::DescribeRulesOutput out;
  out.Rules.emplace();
  for (auto& row : page.items) out.Rules->push_back(row->shape);
  out.NextMarker = page.next;
  return out;
}

e::ModifyRuleOutput modify_rule(Elb&, aws::Context& c, const e::ModifyRuleInput& in) {
  RuleRow row = *need_rule(c, *in.RuleArn);
  if (is_default(row)) {
    throw e::OperationNotPermittedException("Default rule '" + *in.RuleArn +
                                            "' cannot be modified: use ModifyListener");
  }
  refuse_transforms(in.Transforms);
  if (in.Conditions) row.shape.Conditions = checked_conditions(*in.Conditions);
  if (in.Actions) row.shape.Actions = checked_actions(*in.Actions);
  put_rule(*c.db, row);
  e::ModifyRuleOutput out;
  out.Rules = {row.shape};
  return out;
}

e::DeleteRuleOutput delete_rule(Elb&, aws::Context& c, const e::DeleteRuleInput& in) {
  const auto row = need_rule(c, *in.RuleArn);
  if (is_default(*row)) {
    throw e::OperationNotPermittedException("Default rule '" + *in.RuleArn + "' cannot be deleted");
  }
  erase_rule(*c.db, *row);
  return {};
}

// All at once: rules can swap their places.
e::SetRulePrioritiesOutput set_rule_priorities(Elb&, aws::Context& c,
                                               const e::SetRulePrioritiesInput& in) {
  std::map<std::string, int32_t> wanted;
  std::string listener;
  for (auto& pair : *in.RulePriorities) {
    if (!pair.RuleArn || !pair.Priority) throw validation("A rule ARN and a priority are needed");
    check_priority(*pair.Priority);
    if (is_default(*need_rule(c, *pair.RuleArn))) {
      throw e::OperationNotPermittedException("The default rule has no priority");
    }
    const std::string own = listener_of(*pair.RuleArn);
    if (!listener.empty() && listener != own) {
      throw validation("The rules must belong to the same listener");
    }
    listener = own;
    wanted[*pair.RuleArn] = *pair.Priority;
  }
  std::set<std::string> taken;
  std::vector<RuleRow> changed;
  for (auto& rule : sorted_rules(*c.db, listener)) {
    RuleRow row = *rule;
    if (const auto found = wanted.find(*row.shape.RuleArn); found != wanted.end()) {
      row.shape.Priority = std::to_string(found->second);
      changed.push_back(row);
    }
    if (!taken.insert(*row.shape.Priority).second) {
      throw e::PriorityInUseException("Priority '" + *row.shape.Priority + "' is currently in use");
    }
  }
  e::SetRulePrioritiesOutput out;
  out.Rules.emplace();
  for (auto& row : changed) {
    rules.put(*c.db, *row.shape.RuleArn, row);
    out.Rules->push_back(row.shape);
  }
  return out;
}

}  // namespace slipway::elb
