#include "elb/model.h"

#include "base/strings.h"

namespace slipway::elb {
namespace {

// "arn:...:loadbalancer/app/x/1" -> "arn:...:listener/app/x/1"
std::string with_kind(const std::string& arn, std::string_view kind) {
  const size_t colon = arn.rfind(':');
  const size_t slash = arn.find('/', colon == std::string::npos ? 0 : colon);
  if (colon == std::string::npos || slash == std::string::npos) return arn;
  return arn.substr(0, colon + 1) + std::string(kind) + arn.substr(slash);
}

std::string parent(const std::string& arn) {
  return arn.substr(0, arn.rfind('/'));
}

std::string use_key(const std::string& group, const std::string& rule) {
  return group + "|" + rule;
}

}  // namespace

std::string target_prefix(const std::string& group) {
  return group + "|";
}

std::string target_key(const std::string& group, const std::string& id, uint16_t port) {
  return fmt::format("{}|{}|{}", group, id, port);
}

std::string listener_of(const std::string& rule_arn) {
  return with_kind(parent(rule_arn), "listener");
}

std::string load_balancer_of(const std::string& arn) {
  const bool rule = arn.find(":listener-rule/") != std::string::npos;
  return with_kind(rule ? parent(parent(arn)) : parent(arn), "loadbalancer");
}

std::string rules_of(const std::string& listener_arn) {
  return with_kind(listener_arn, "listener-rule") + "/";
}

std::string listeners_of(const std::string& load_balancer_arn) {
  return with_kind(load_balancer_arn, "listener") + "/";
}

std::shared_ptr<const LoadBalancerRow> need_load_balancer(const aws::Context& c,
                                                          const std::string& arn) {
  auto row = load_balancers.get(*c.db, arn);
  if (row) return row;
  if (arn.find(":loadbalancer/") == std::string::npos) {
    throw validation("'{}' is not a valid load balancer ARN", arn);
  }
  throw e::LoadBalancerNotFoundException(fmt::format("Load balancer '{}' not found", arn));
}

std::shared_ptr<const TargetGroupRow> need_target_group(const aws::Context& c,
                                                        const std::string& arn) {
  auto row = target_groups.get(*c.db, arn);
  if (row) return row;
  if (arn.find(":targetgroup/") == std::string::npos) {
    throw validation("'{}' is not a valid target group ARN", arn);
  }
  throw e::TargetGroupNotFoundException("One or more target groups not found");
}

std::shared_ptr<const ListenerRow> need_listener(const aws::Context& c, const std::string& arn) {
  auto row = listeners.get(*c.db, arn);
  if (row) return row;
  if (arn.find(":listener/") == std::string::npos) {
    throw validation("'{}' is not a valid listener ARN", arn);
  }
  throw e::ListenerNotFoundException("One or more listeners not found");
}

std::shared_ptr<const RuleRow> need_rule(const aws::Context& c, const std::string& arn) {
  auto row = rules.get(*c.db, arn);
  if (row) return row;
  if (arn.find(":listener-rule/") == std::string::npos) {
    throw validation("'{}' is not a valid listener rule ARN", arn);
  }
  throw e::RuleNotFoundException("One or more rules not found");
}

std::vector<std::string> groups_of(const std::vector<e::Action>& actions) {
  std::set<std::string> out;
  for (auto& action : actions) {
    if (action.TargetGroupArn) out.insert(*action.TargetGroupArn);
    if (!action.ForwardConfig || !action.ForwardConfig->TargetGroups) continue;
    for (auto& tuple : *action.ForwardConfig->TargetGroups) {
      if (tuple.TargetGroupArn) out.insert(*tuple.TargetGroupArn);
    }
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> users_of(const store::Reader& db, const std::string& group) {
  std::set<std::string> out;
  for (auto& use : uses.scan(db, group + "|")) out.insert(use->load_balancer);
  return {out.begin(), out.end()};
}

void put_rule(store::Writer& db, const RuleRow& rule) {
  const std::string& arn = *rule.shape.RuleArn;
  const std::string balancer = load_balancer_of(arn);
  if (const auto before = rules.get(db, arn)) erase_rule(db, *before);
  for (auto& group : groups_of(rule.shape.Actions.value_or(std::vector<e::Action>{}))) {
    if (!target_groups.get(db, group)) {
      throw e::TargetGroupNotFoundException("One or more target groups not found");
    }
    for (auto& user : users_of(db, group)) {
      if (user == balancer) continue;
      throw e::TargetGroupAssociationLimitException(
          "The following target groups cannot be associated with more than one load balancer: " +
          group);
    }
    uses.put(db, use_key(group, arn), {balancer});
  }
  rules.put(db, arn, rule);
}

void erase_rule(store::Writer& db, const RuleRow& rule) {
  const std::string arn = *rule.shape.RuleArn;
  for (auto& group : groups_of(rule.shape.Actions.value_or(std::vector<e::Action>{}))) {
    uses.erase(db, use_key(group, arn));
  }
  rules.erase(db, arn);
}

std::vector<std::shared_ptr<const RuleRow>> sorted_rules(const store::Reader& db,
                                                         const std::string& listener_arn) {
  auto out = rules.scan(db, rules_of(listener_arn));
  const auto priority = [](const RuleRow& rule) {
    return parse_int(rule.shape.Priority.value_or("")).value_or(1'000'000);
  };
  std::sort(out.begin(), out.end(),
            [&](const auto& a, const auto& b) { return priority(*a) < priority(*b); });
  return out;
}

Values tags_of(const std::optional<std::vector<e::Tag>>& tags) {
  Values out;
  if (!tags) return out;
  for (auto& tag : *tags) {
    const std::string key = tag.Key.value_or("");
    if (key.empty() || key.size() > 128) throw validation("Tag keys have 1 to 128 characters");
    if (key.starts_with("aws:")) {
      throw validation("The tag key '{}' begins with 'aws:', which is reserved", key);
    }
    if (!out.emplace(key, tag.Value.value_or("")).second) {
      throw e::DuplicateTagKeysException("A tag key was specified more than once: " + key);
    }
  }
  if (out.size() > 50) throw e::TooManyTagsException("A resource can have at most 50 tags");
  return out;
}

std::vector<e::Tag> shown_tags(const Values& tags) {
  std::vector<e::Tag> out;
  for (auto& [key, value] : tags) {
    e::Tag tag;
    tag.Key = key;
    tag.Value = value;
    out.push_back(std::move(tag));
  }
  return out;
}

}  // namespace slipway::elb
