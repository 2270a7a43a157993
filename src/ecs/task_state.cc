#include "ecs/task_state.h"

#include "ecs/task.h"

namespace slipway::ecs {
namespace {

// Along the life of a task; a record never goes back.
int rank(const std::string& status) {
  static const std::map<std::string, int> ranks = {
      {"PROVISIONING", 0}, {"PENDING", 1},  {"ACTIVATING", 2},     {"RUNNING", 3},
      {"DEACTIVATING", 4}, {"STOPPING", 5}, {"DEPROVISIONING", 6}, {"STOPPED", 7}};
  const auto found = ranks.find(status);
  return found == ranks.end() ? 0 : found->second;
}

void set_time(std::optional<aws::Timestamp>& field, const std::optional<TimePoint>& value) {
  if (!field && value) field = *value;
}

void copy_container(shape::Container& out, const agent::ContainerStatus& from, bool bridge) {
  out.lastStatus = from.last_status;
  if (!from.runtime_id.empty()) out.runtimeId = from.runtime_id;
  if (!from.image_digest.empty()) out.imageDigest = from.image_digest;
  if (from.exit_code) out.exitCode = *from.exit_code;
  if (!from.reason.empty()) out.reason = from.reason.substr(0, 1024);
  out.healthStatus = from.health;
  if (!bridge) return;
  out.networkBindings.emplace();
  for (const auto& port : from.bindings) {
    shape::NetworkBinding binding;
    binding.bindIP = "0.0.0.0";
    binding.containerPort = port.container_port;
    binding.hostPort = port.host_port;
    binding.protocol = port.protocol;
    out.networkBindings->push_back(binding);
  }
}

void copy_status(TaskRecord& record, const agent::TaskStatus& status, TimePoint now) {
  auto& task = record.task;
  record.handed_over = true;
  for (auto& container : *task.containers) {
    for (const auto& from : status.containers) {
      if (container.name == from.name) copy_container(container, from, !record.interface);
    }
  }
  task.healthStatus = status.health;
  set_time(task.pullStartedAt, status.pull_started_at);
  set_time(task.pullStoppedAt, status.pull_stopped_at);
  set_time(task.startedAt, status.started_at);
  set_time(task.executionStoppedAt, status.execution_stopped_at);
  set_time(task.stoppingAt, status.stopping_at);
  const int seen = rank(status.last_status);
  if (seen >= rank("RUNNING") && seen < rank("DEACTIVATING") && !task.startedAt) {
    task.startedAt = now;
  }
  if (seen > rank("PROVISIONING") && !task.connectivity) {
    task.connectivity = "CONNECTED";
    task.connectivityAt = now;
    for (auto& attachment : *task.attachments) attachment.status = "ATTACHED";
  }
  if (seen > rank(task.lastStatus.value_or("")) && status.last_status != "STOPPED") {
    task.lastStatus = status.last_status;
  }
}

// The task ends without having been asked to.
void own_end(Step& step, const std::string& code, const std::string& reason, TimePoint now) {
  auto& task = step.record.task;
  if (task.desiredStatus == "STOPPED") return;
  task.desiredStatus = "STOPPED";
  if (!task.stopCode && !code.empty()) task.stopCode = code;
  if (!task.stoppedReason && !reason.empty()) task.stoppedReason = reason.substr(0, 1024);
  if (!task.stoppingAt) task.stoppingAt = now;
  step.deregister = true;
}

void after_the_end(Step& step, const agent::TaskStatus* status, bool drained) {
  TaskRecord& record = step.record;
  if (status != nullptr) step.command = Command::forget;
  if (record.released || !drained) return;
  record.released = true;
  step.release_interface = record.interface.has_value();
  for (auto& attachment : *record.task.attachments) attachment.status = "DELETED";
}

void without_agent(Step& step, TimePoint now) {
  TaskRecord& record = step.record;
  if (record.task.desiredStatus == "STOPPED") {
    mark_stopped(record, now);
  } else if (record.handed_over) {
    own_end(step, "TerminationNotice",
            "The task was lost: its containers are no longer known on this host.", now);
    mark_stopped(record, now);
  } else {
    step.command = Command::start;
  }
}

void with_agent(Step& step, const agent::TaskStatus& status, bool drained, TimePoint now) {
  TaskRecord& record = step.record;
  copy_status(record, status, now);
  if (rank(status.last_status) > rank("RUNNING")) {
    own_end(step, status.stop_code, status.stopped_reason, now);
  }
  if (status.last_status == "STOPPED") {
    mark_stopped(record, status.stopped_at.value_or(now));
    return;
  }
  if (record.task.desiredStatus != "STOPPED") return;
  const bool never_ran = rank(*record.task.lastStatus) < rank("DEACTIVATING");
  if (never_ran || drained || rank(status.last_status) > rank("RUNNING")) {
    step.command = Command::stop;
  }
}

}  // namespace

Step next_step(const TaskRecord& record, const agent::TaskStatus* status, bool drained,
               TimePoint now) {
  Step step;
  step.record = record;
  if (record.task.lastStatus == "STOPPED") {
    after_the_end(step, status, drained);
  } else if (status == nullptr) {
    without_agent(step, now);
  } else {
    with_agent(step, *status, drained, now);
  }
  const bool visible = !(step.record.task == record.task);
  step.changed = visible || step.deregister || step.release_interface ||
                 step.record.handed_over != record.handed_over ||
                 step.record.released != record.released;
  if (visible && step.record.task.version == record.task.version) {
    step.record.task.version = record.task.version.value_or(0) + 1;
  }
  return step;
}

}  // namespace slipway::ecs
