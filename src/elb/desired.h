// Store rows -> what HAProxy shall serve and what shall be checked. Pure but for the snapshot.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "elb/checker.h"
#include "elb/model.h"
#include "haproxy/model.h"

namespace slipway::elb {

struct Snapshot {
  std::vector<std::shared_ptr<const LoadBalancerRow>> load_balancers;
  std::map<std::string, std::vector<std::shared_ptr<const ListenerRow>>> listeners;  // by balancer
  std::map<std::string, std::vector<std::shared_ptr<const RuleRow>>> rules;  // by listener, sorted
  std::map<std::string, std::shared_ptr<const TargetGroupRow>> groups;
  std::map<std::string, std::vector<std::shared_ptr<const TargetRow>>> targets;  // by group
  std::map<std::string, std::string> users;  // group -> its load balancer
  bool operator==(const Snapshot&) const = default;
};
Snapshot read_snapshot(const store::Reader& db);

// "arn:...:targetgroup/web/0123" -> "web.0123": HAProxy's name of a resource.
std::string short_name(const std::string& arn);

struct Desired {
  haproxy::Model model;  // groups without slots, shared_ports empty
  std::map<std::string, std::vector<haproxy::Slot>> targets;  // by the group's short name
  std::vector<Check> checks;
};
Desired desired(const Snapshot& snapshot);

}  // namespace slipway::elb
