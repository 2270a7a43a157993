// plan(): take in what is seen, decide whether the task goes on, then the next actions.
#include "agent/plan.h"

#include "agent/gates.h"
#include "base/error.h"

namespace slipway::agent {
namespace {

bool is(const ContainerRecord& container, std::string_view status) {
  return container.status.last_status == status;
}

bool all_stopped(const TaskRecord& record) {
  return std::all_of(record.containers.begin(), record.containers.end(),
                     [](const auto& container) { return is(container, "STOPPED"); });
}

class Planner {
 public:
  Planner(const TaskRecord& record, const Observed& observed, TimePoint now)
      : before_(record), observed_(observed), now_(now) {
    plan_.next = record;
  }

  Plan run() {
    if (status() == "STOPPED") return std::move(plan_);
    for (size_t i = 0; i < record().containers.size(); ++i) take_in(i);
    if (record().want_running) notice_end();
    if (record().want_running) {
      advance();
    } else {
      wind_down();
    }
    record().status.health = task_health();
    plan_.save |= before_.want_running != record().want_running;
    return std::move(plan_);
  }

 private:
  TaskRecord& record() { return plan_.next; }
  std::string& status() { return record().status.last_status; }
  void act(Do what, size_t container = 0) { plan_.actions.push_back({what, container}); }
  void wake_at(TimePoint time) {
    if (!plan_.wake_at || time < *plan_.wake_at) plan_.wake_at = time;
  }

  void take_in(size_t i);
  void stopped(size_t i, const Seen& seen);
  void notice_end();
  void advance();
  void advance_container(size_t i);
  void wind_down();
  bool wind_down_container(size_t i);
  void finish();
  std::string task_health();

  const TaskRecord& before_;
  const Observed& observed_;
  const TimePoint now_;
  Plan plan_;
};

void Planner::stopped(size_t i, const Seen& seen) {
  auto& container = record().containers[i].status;
  container.last_status = "STOPPED";
  container.exit_code = seen.exit_code;
  container.finished_at = seen.finished_at.value_or(now_);
  if (seen.oom_killed) {
    container.reason = "OutOfMemoryError: Container killed due to memory usage";
  } else if (!seen.error.empty()) {
    container.reason = seen.error;
  }
  plan_.save = true;
  if (record().spec.containers[i].essential && !record().status.execution_stopped_at)
    record().status.execution_stopped_at = now_;
}

void Planner::take_in(size_t i) {
  auto& container = record().containers[i];
  const Seen& seen = observed_.containers.at(i);
  if (is(container, "STOPPED")) return;
  if (!seen.there) {
    if (!is(container, "RUNNING")) return;
    fail_container(record(), i, "ContainerVanishedError: the container is no longer there", now_);
    return;
  }
  container.engine_id = seen.id;
  // A crash may have come after the container was made and before the pull was noted.
  if (container.image_id.empty()) {
    container.image_id = seen.image_id;
    container.status.image_digest = seen.image_digest;
  }
  if (container.status.runtime_id.empty()) container.status.runtime_id = seen.id;
  if (!seen.started) return;
  if (seen.started_at) container.status.started_at = seen.started_at;
  if (!seen.bindings.empty()) container.status.bindings = seen.bindings;
  if (!seen.running) return stopped(i, seen);
  container.status.last_status = "RUNNING";
  if (!record().spec.containers[i].health_check) return;
  container.status.health = seen.health == "healthy"     ? "HEALTHY"
                            : seen.health == "unhealthy" ? "UNHEALTHY"
                                                         : "UNKNOWN";
}

// An essential container that has ended ends the task.
void Planner::notice_end() {
  for (size_t i = 0; i < record().containers.size(); ++i) {
    const auto& container = record().containers[i];
    if (!record().spec.containers[i].essential || !is(container, "STOPPED")) continue;
    request_stop(record());
    record().status.stop_code = container.failed ? "TaskFailedToStart" : "EssentialContainerExited";
    record().status.stopped_reason =
        container.failed ? container.status.reason : "Essential container in task exited";
    return;
  }
}

void Planner::advance() {
  if (!observed_.prepared) return act(Do::prepare);
  if (status() == "PROVISIONING") status() = "PENDING";
  if (status() == "PENDING") {
    status() = "ACTIVATING";
    record().status.pull_started_at = now_;
  }
  const auto& all = record().containers;
  const bool pulled = std::all_of(all.begin(), all.end(), [](const auto& container) {
    return !container.image_id.empty() || is(container, "STOPPED");
  });
  if (!pulled) {
    if (!observed_.pulling) act(Do::pull);
    return;
  }
  if (!record().status.pull_stopped_at) record().status.pull_stopped_at = now_;
  for (size_t i = 0; i < all.size() && record().want_running; ++i) advance_container(i);
  if (!record().want_running) {
    plan_.actions.clear();
    return wind_down();
  }
  const bool up = std::all_of(all.begin(), all.end(),
                              [](const auto& container) { return !is(container, "PENDING"); });
  if (!up || status() == "RUNNING") return;
  status() = "RUNNING";
  record().status.started_at = now_;
  plan_.save = true;
}

void Planner::advance_container(size_t i) {
  const auto& container = record().containers[i];
  if (!is(container, "PENDING")) return;
  if (!observed_.containers[i].there) return act(Do::create, i);
  const auto gate = gate_of(record(), i, now_);
  if (gate.recheck_at) wake_at(*gate.recheck_at);
  if (gate.state == Gate::open) return act(Do::start, i);
  if (gate.state == Gate::wait) return;
  // A dependency that can never be met stops the task, whether or not this one is essential.
  fail_container(record(), i, gate.why, now_);
  fail_task(record(), gate.why, now_);
}

void Planner::wind_down() {
  auto& times = record().status;
  // Each state is shown, if only for a moment.
  if (status() == "RUNNING") {
    status() = "DEACTIVATING";
    times.stopping_at = now_;
    return wake_at(now_);
  }
  if (status() != "STOPPING" && status() != "DEPROVISIONING") {
    status() = "STOPPING";
    if (!times.stopping_at) times.stopping_at = now_;
    return wake_at(now_);
  }
  if (status() == "STOPPING") {
    bool left = false;
    for (size_t i = 0; i < record().containers.size(); ++i) left |= wind_down_container(i);
    if (!left) finish();
  }
  if (status() != "DEPROVISIONING") return;
  if (!observed_.released) return act(Do::release);
  status() = "STOPPED";
  times.stopped_at = now_;
  plan_.save = true;
}

// True while the container still runs.
bool Planner::wind_down_container(size_t i) {
  auto& container = record().containers[i];
  if (is(container, "STOPPED")) return false;
  if (!is(container, "RUNNING")) {
    container.status.last_status = "STOPPED";  // never started: no exit code
    plan_.save = true;
    return false;
  }
  if (has_running_dependent(record(), i)) return true;
  const auto patience =
      seconds(record().spec.containers[i].stop_timeout_s.value_or(default_stop_timeout.count()));
  if (!container.signalled_at && !record().hurry) {
    container.signalled_at = now_;
    act(Do::signal, i);
  }
  // Killed again every few seconds: the first one may have been lost with a crash.
  const auto due = record().hurry ? now_ : *container.signalled_at + patience;
  const auto again = container.killed_at ? *container.killed_at + seconds(5) : due;
  if (now_ >= again) {
    container.killed_at = now_;
    act(Do::kill, i);
  }
  wake_at(now_ >= again ? now_ + seconds(5) : again);
  return true;
}

// All containers have ended; their last lines are waited for, but not for ever.
void Planner::finish() {
  if (!all_stopped(record())) return;
  if (!record().ended_at) record().ended_at = now_;
  const auto deadline = *record().ended_at + drain_patience;
  if (!observed_.logs_drained && now_ < deadline) return wake_at(deadline);
  status() = "DEPROVISIONING";
  plan_.save = true;  // exit codes must outlive the containers
}

std::string Planner::task_health() {
  bool unknown = false;
  for (size_t i = 0; i < record().containers.size(); ++i) {
    if (!record().spec.containers[i].essential) continue;
    const auto& health = record().containers[i].status.health;
    if (health == "UNHEALTHY") return health;
    unknown |= health == "UNKNOWN";
  }
  return unknown ? "UNKNOWN" : "HEALTHY";
}

}  // namespace

Plan plan(const TaskRecord& record, const Observed& observed, TimePoint now) {
  SLIPWAY_ASSERT(observed.containers.size() == record.containers.size());
  return Planner(record, observed, now).run();
}

void fail_container(TaskRecord& record, size_t container, const std::string& reason,
                    TimePoint now) {
  auto& failed = record.containers.at(container);
  if (failed.status.last_status == "STOPPED") return;
  failed.failed = failed.status.last_status != "RUNNING";
  failed.status.last_status = "STOPPED";
  failed.status.reason = reason.substr(0, 1024);
  if (record.spec.containers[container].essential && !record.status.execution_stopped_at)
    record.status.execution_stopped_at = now;
}

void fail_task(TaskRecord& record, const std::string& reason, TimePoint now) {
  if (!record.want_running) return;
  const bool ran = record.status.started_at.has_value();
  request_stop(record);
  record.status.stop_code = ran ? "EssentialContainerExited" : "TaskFailedToStart";
  record.status.stopped_reason = reason;
  if (!record.status.execution_stopped_at) record.status.execution_stopped_at = now;
}

void request_stop(TaskRecord& record) {
  record.want_running = false;
}

const char* to_string(Do what) {
  switch (what) {
    case Do::prepare:
      return "prepare";
    case Do::pull:
      return "pull";
    case Do::create:
      return "create";
    case Do::start:
      return "start";
    case Do::signal:
      return "signal";
    case Do::kill:
      return "kill";
    case Do::release:
      return "release";
  }
  return "unknown";
}

}  // namespace slipway::agent
