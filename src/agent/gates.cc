#include "agent/gates.h"

#include "base/error.h"

namespace slipway::agent {
namespace {

Gate condition_gate(const std::string& condition, const ContainerRecord& target) {
  const auto& status = target.status;
  const bool stopped = status.last_status == "STOPPED";
  // Ended without an exit code: it never ran.
  if (stopped && !status.exit_code) return Gate::never;
  if (condition == "START")
    return stopped || status.last_status == "RUNNING" ? Gate::open : Gate::wait;
  if (condition == "COMPLETE") return stopped ? Gate::open : Gate::wait;
  if (condition == "SUCCESS") {
    if (!stopped) return Gate::wait;
    return *status.exit_code == 0 ? Gate::open : Gate::never;
  }
  if (condition == "HEALTHY") {
    if (stopped) return Gate::never;
    return status.health == "HEALTHY" ? Gate::open : Gate::wait;
  }
  return Gate::never;
}

}  // namespace

GateState gate_of(const TaskRecord& record, size_t container, TimePoint now) {
  GateState result;
  for (const auto& need : record.spec.containers.at(container).depends_on) {
    const size_t at = container_index(record, need.container);
    if (at == no_container) {
      result.state = Gate::never;
      result.why = fmt::format("TaskDependencyError: there is no container {}", need.container);
      return result;
    }
    const auto& target = record.containers[at];
    auto gate = condition_gate(need.condition, target);
    std::string detail = "can no longer happen";
    const auto limit = record.spec.containers[at].start_timeout_s;
    if (gate == Gate::wait && limit && need.condition != "START" && target.status.started_at) {
      const auto deadline = *target.status.started_at + seconds(*limit);
      detail = fmt::format("did not happen within {} seconds", *limit);
      if (now >= deadline) {
        gate = Gate::never;
      } else if (!result.recheck_at || deadline < *result.recheck_at) {
        result.recheck_at = deadline;
      }
    }
    if (gate == Gate::never) {
      result.state = Gate::never;
      result.why = fmt::format(
          "TaskDependencyError: container {} waits for {} to reach {}, which {}",
          record.containers[container].status.name, need.container, need.condition, detail);
      return result;
    }
    if (gate == Gate::wait) result.state = Gate::wait;
  }
  return result;
}

bool has_running_dependent(const TaskRecord& record, size_t container) {
  const auto& name = record.containers.at(container).status.name;
  for (size_t i = 0; i < record.containers.size(); ++i) {
    if (record.containers[i].status.last_status != "RUNNING") continue;
    const auto& needs = record.spec.containers[i].depends_on;
    if (std::any_of(needs.begin(), needs.end(),
                    [&](const auto& need) { return need.container == name; }))
      return true;
  }
  return false;
}

}  // namespace slipway::agent
