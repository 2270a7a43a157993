// The host's side of awsvpc: a bridge for each subnet (with the subnet's first address, the tasks'
// gateway), for each task a pinned namespace joined to it by a veth pair, a blackhole route for the
// VPC's range (no packet for a dead task leaves the host), masquerading towards everything outside.
// All calls can be repeated. Thread-safe.
#pragma once
#include <memory>
#include <set>
#include <string>

#include "agent/agent.h"
#include "store/store.h"

namespace slipway::agent {

class TaskNetwork {
 public:
  TaskNetwork(std::string netns_root, store::Store& store);
  ~TaskNetwork();

  std::string netns_path(const std::string& task_id) const;
  void attach(const std::string& task_id, const NetworkInterface& interface);
  void detach(const std::string& task_id);  // absent is fine
  // After a start: namespaces and links of tasks not to be kept are removed.
  void restore(const std::set<std::string>& keep_task_ids);
  void tear_down();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Names of links, at most 15 characters. "sw-0a1b2c3d4e5f", "swt0123456789ab".
std::string bridge_name(const std::string& subnet_id);
std::string veth_name(const std::string& task_id);
// The rules for these VPC ranges, as one transaction that replaces what was there. Pure.
std::string masquerade_rules(const std::set<std::string>& vpc_cidrs);

}  // namespace slipway::agent
