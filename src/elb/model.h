// ELB's rows: the shapes as they are answered, and what else must be remembered. A key is the
// resource's ARN, so that a prefix of it finds a region's, a load balancer's or a listener's rows.
#pragma once
#include <functional>
#include <map>

#include "aws/gen/elb.h"
#include "aws/op.h"
#include "elb/api.h"
#include "store/table.h"

namespace slipway::elb {

namespace e = aws::elb;
using Values = std::map<std::string, std::string>;  // attributes that were set, or tags

struct LoadBalancerRow {
  e::LoadBalancer shape;
  e::CreateLoadBalancerInput asked;  // the same request again is no error
  std::string address;               // its own, 127/8
  std::vector<std::string> interfaces;
  Values attributes, tags;
};
struct TargetGroupRow {
  e::TargetGroup shape;  // without LoadBalancerArns
  e::CreateTargetGroupInput asked;
  Values attributes, tags;
};
struct ListenerRow {
  e::Listener shape;
  e::CreateListenerInput asked;
  Values attributes, tags;
};
// Default rules are rows too: every action of a listener stands in a rule.
struct RuleRow {
  e::Rule shape;
  Values tags;
};
// state: initial, healthy, unhealthy or draining. "unused" is never stored.
struct TargetRow {
  std::string group, id, zone;
  uint16_t port = 0;
  std::string state = "initial", reason, description;
  int64_t drained_at_ms = 0;  // when draining: the end, 0 until the loop has seen it
};
// Key: "<target group ARN>|<rule ARN>". Says that the rule forwards to the group.
struct UseRow {
  std::string load_balancer;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LoadBalancerRow, shape, asked, address, interfaces,
                                                attributes, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TargetGroupRow, shape, asked, attributes, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ListenerRow, shape, asked, attributes, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RuleRow, shape, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TargetRow, group, id, zone, port, state, reason,
                                                description, drained_at_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(UseRow, load_balancer)

inline constexpr store::Table<LoadBalancerRow> load_balancers("elb_load_balancers");
inline constexpr store::Table<TargetGroupRow> target_groups("elb_target_groups");
inline constexpr store::Table<ListenerRow> listeners("elb_listeners");
inline constexpr store::Table<RuleRow> rules("elb_rules");
inline constexpr store::Table<TargetRow> targets("elb_targets");
inline constexpr store::Table<UseRow> uses("elb_uses");

// --- names ---

std::string target_prefix(const std::string& group);  // of targets' keys
std::string target_key(const std::string& group, const std::string& id, uint16_t port);
// The listener's ARN of a rule's, the load balancer's of a listener's or rule's.
std::string listener_of(const std::string& rule_arn);
std::string load_balancer_of(const std::string& arn);
// Prefix of the rules' keys of a listener, of the listeners' keys of a load balancer.
std::string rules_of(const std::string& listener_arn);
std::string listeners_of(const std::string& load_balancer_arn);

// --- rows that must exist; the service's error otherwise ---

std::shared_ptr<const LoadBalancerRow> need_load_balancer(const aws::Context&, const std::string&);
std::shared_ptr<const TargetGroupRow> need_target_group(const aws::Context&, const std::string&);
std::shared_ptr<const ListenerRow> need_listener(const aws::Context&, const std::string&);
std::shared_ptr<const RuleRow> need_rule(const aws::Context&, const std::string&);

// --- rules and what they use ---

// Every group that the actions forward to, once.
std::vector<std::string> groups_of(const std::vector<e::Action>& actions);
// Keeps uses right. put throws TargetGroupNotFound, or TargetGroupAssociationLimit when a group
// belongs to another load balancer.
void put_rule(store::Writer& db, const RuleRow& rule);
void erase_rule(store::Writer& db, const RuleRow& rule);
// The load balancers that forward to the group.
std::vector<std::string> users_of(const store::Reader& db, const std::string& group);

// Rules of a listener by priority, the default last.
std::vector<std::shared_ptr<const RuleRow>> sorted_rules(const store::Reader& db,
                                                         const std::string& listener_arn);

// --- errors ---

template <typename... Args>
aws::ServiceError validation(fmt::format_string<Args...> format, Args&&... args) {
  return {"ValidationError", 400, fmt::format(format, std::forward<Args>(args)...)};
}

// --- tags ---

Values tags_of(const std::optional<std::vector<e::Tag>>& tags);
std::vector<e::Tag> shown_tags(const Values& tags);

}  // namespace slipway::elb
