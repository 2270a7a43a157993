// dependsOn: whether a container may start yet, and the reverse order of stopping. Pure.
#pragma once
#include "agent/record.h"

namespace slipway::agent {

enum class Gate { open, wait, never };
struct GateState {
  Gate state = Gate::open;
  std::string why;                      // never: "TaskDependencyError: ..."
  std::optional<TimePoint> recheck_at;  // wait: when a start timeout will have passed
};
GateState gate_of(const TaskRecord& record, size_t container, TimePoint now);
// Some container that depends on this one still runs: it is stopped first.
bool has_running_dependent(const TaskRecord& record, size_t container);

}  // namespace slipway::agent
