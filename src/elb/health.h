// The health of one target: pure. (state, counters, result) -> state.
//
//   initial   --1 pass-->                    healthy
//   initial   --unhealthy threshold fails--> unhealthy
//   healthy   --unhealthy threshold fails--> unhealthy
//   unhealthy --healthy threshold passes-->  healthy
//   any       --deregistered-->              draining   (targets.cc; checks stop)
#pragma once
#include "elb/model.h"

namespace slipway::elb {

enum class Outcome { passed, code_mismatch, timeout, failed };
struct CheckResult {
  Outcome outcome = Outcome::failed;
  int code = 0;  // what the target answered
};
struct Thresholds {
  int healthy = 5, unhealthy = 2;
};
// Consecutive results; not persisted: after a restart a state needs its full count to change.
struct Counters {
  int passed = 0, failed = 0;
};

// The changed row, or nullopt when nothing that is shown changes.
std::optional<TargetRow> next_health(const TargetRow& row, Counters& counters,
                                     const Thresholds& thresholds, const CheckResult& result);

// Which targets get requests: the healthy ones; when fewer are healthy than the group needs, every
// checked one (fail open). Parallel to rows.
std::vector<bool> routed(const std::vector<std::shared_ptr<const TargetRow>>& rows,
                         size_t minimum_count, size_t minimum_percent);

}  // namespace slipway::elb
