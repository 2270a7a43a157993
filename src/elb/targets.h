// What elb/ publishes to ecs/: registering a service's tasks as targets and asking for their
// health. All inside the caller's transaction; thread-safe as the store is.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace slipway::elb {

struct Target {
  std::string id;  // ip address (target type ip) or instance id
  uint16_t port = 0;
};
struct TargetState {
  Target target;
  std::string state;   // initial healthy unhealthy unused draining unavailable
  std::string reason;  // "Target.ResponseCodeMismatch", ...
};

bool target_group_exists(const store::Reader& db, const std::string& target_group_arn);
// False when no load balancer's listener or rule forwards to it yet (CreateService must refuse).
bool target_group_in_use(const store::Reader& db, const std::string& target_group_arn);
std::string target_group_type(const store::Reader& db,
                              const std::string& target_group_arn);  // ip | instance
// Idempotent. A target that is draining is taken back.
void register_target(store::Writer& db, const std::string& target_group_arn, const Target& target);
// Starts draining; after deregistration_delay it is gone. Unknown: no-op.
void deregister_target(store::Writer& db, const std::string& target_group_arn,
                       const Target& target);
// nullopt: not registered (any more): drained.
std::optional<TargetState> target_state(const store::Reader& db,
                                        const std::string& target_group_arn, const Target& target);

}  // namespace slipway::elb
