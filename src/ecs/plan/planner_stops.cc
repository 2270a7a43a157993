// What a plan stops, in which order, and what it says about it.
#include <algorithm>

#include "ecs/plan/events.h"
#include "ecs/plan/placement.h"
#include "ecs/plan/planning.h"

namespace slipway::ecs::plan {

void Planner::stop(const Task& task, std::string reason) {
  out_.stops.push_back({task.id, std::move(reason)});
  stopped_.push_back(&task);
}

void Planner::stop_old() {
  const std::string reason = text::stop_scaling(primary().id);
  const bool enough = healthy_count_ >= lower_;
  if (!failed() || enough) {
    for (const Task* task : old_pending_) stop(*task, reason);
  }
  if (enough) {
    for (const Task* task : old_unsure_) stop(*task, reason);
  }
  const int spare = std::clamp(healthy_count_ - lower_, 0, size(old_healthy_));
  for (const Task* task : choose_to_stop(old_healthy_, spare)) stop(*task, reason);
  healthy_count_ -= spare;
}

void Planner::stop_surplus() {
  const std::string reason = text::stop_scaling(primary().id);
  int surplus = size(healthy_) + size(coming_) - service_.desired;
  Tasks pending, running;
  for (const Task* task : coming_) {
    (task->phase == Phase::pending ? pending : running).push_back(task);
  }
  for (const Tasks* some : {&pending, &running}) {
    const int count = std::clamp(surplus, 0, size(*some));
    for (const Task* task : choose_to_stop(*some, count)) stop(*task, reason);
    surplus -= count;
  }
  const int spare = std::clamp(std::min(surplus, healthy_count_ - lower_), 0, size(healthy_));
  for (const Task* task : choose_to_stop(healthy_, spare)) stop(*task, reason);
  healthy_count_ -= spare;
  const int replaced = std::clamp(size(healthy_) + size(bad_) - service_.desired, 0, size(bad_));
  for (int i = 0; i < replaced; ++i) stop_sick(*bad_[static_cast<size_t>(i)]);
}

void Planner::stop_sick(const Task& task) {
  const auto why = illness(task);
  stop(task, why->stop_reason);
  out_.events.push_back(why->event);
  if (auto* deployment = find(task.deployment)) {
    if (deployment->rollout == Rollout::in_progress) ++deployment->failed_tasks;
  }
}

void Planner::make_room() {
  if (missing_ <= 0 || room_ > 0 || failed() || held_back_) return;
  if (!stopped_.empty() || !coming_.empty()) return;
  for (const Task* task : old_unsure_) {
    if (const auto why = illness(*task)) {
      stop(*task, why->stop_reason);
      out_.events.push_back(why->event);
      return;
    }
  }
  if (!bad_.empty()) stop_sick(*bad_.front());
  stuck_ = bad_.empty() && old_unsure_.empty();
}

void Planner::report_stops() {
  std::vector<std::string> running;
  size_t pending = 0;
  size_t draining = 0;
  std::map<std::string, size_t> groups;
  for (const Task* task : stopped_) {
    if (task->phase == Phase::pending) {
      ++pending;
      continue;
    }
    running.push_back(task->id);
    bool drains = false;
    for (const Target& target : task->targets) {
      if (target.phase == TargetPhase::absent) continue;
      ++groups[target.group];
      drains = true;
    }
    if (drains) ++draining;
  }
  if (!running.empty()) out_.events.push_back(text::stopped_running(service_.name, running));
  if (pending > 0) out_.events.push_back(text::stopped_pending(service_.name, pending));
  for (const auto& [group, count] : groups) {
    out_.events.push_back(text::deregistered(service_.name, count, group));
  }
  if (draining > 0) out_.events.push_back(text::draining(service_.name, draining));
}

}  // namespace slipway::ecs::plan
