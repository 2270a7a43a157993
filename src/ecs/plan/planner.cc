#include "ecs/plan/planner.h"

#include <algorithm>

#include "ecs/plan/events.h"
#include "ecs/plan/placement.h"
#include "ecs/plan/planning.h"
#include "ecs/plan/rollout.h"

namespace slipway::ecs::plan {

int lower_bound(int desired, int minimum_healthy_percent) {
  return static_cast<int>((int64_t{desired} * minimum_healthy_percent + 99) / 100);
}

int upper_bound(int desired, int maximum_percent) {
  return static_cast<int>(int64_t{desired} * maximum_percent / 100);
}

bool is_checked(const Task& task) {
  return task.health != Health::none || !task.targets.empty();
}

bool counts_as_healthy(const Task& task, TimePoint now, const Options& options) {
  if (!is_live(task) || task.phase != Phase::running || !task.started) return false;
  if (!is_checked(task)) return has_passed(*task.started, options.settle_time, now);
  if (task.health == Health::unknown || task.health == Health::unhealthy) return false;
  return std::all_of(task.targets.begin(), task.targets.end(),
                     [](const Target& t) { return t.phase == TargetPhase::healthy; });
}

Planner::Planner(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
                 const Options& options)
    : service_(service), now_(now), new_id_(new_id), options_(options) {
  out_.deployments = service.deployments;
  out_.steady_reported = service.steady_reported;
  out_.stuck_reported = service.stuck_reported;
}

Actions Planner::run() {
  if (out_.deployments.empty()) return std::move(out_);
  account_for_the_past();
  trip_breaker(service_, out_.deployments, now_, out_.events);
  sort_tasks();
  register_targets();
  start();
  stop_old();
  stop_surplus();
  make_room();
  report_stops();
  finish_rollout();
  report_state();
  out_.changed = out_.deployments != service_.deployments ||
                 out_.steady_reported != service_.steady_reported ||
                 out_.stuck_reported != service_.stuck_reported;
  return std::move(out_);
}

Deployment* Planner::find(const std::string& id) {
  for (auto& deployment : out_.deployments) {
    if (deployment.id == id) return &deployment;
  }
  return nullptr;
}

void Planner::wake_at(TimePoint when) {
  if (when > now_ && (!out_.wake || when < *out_.wake)) out_.wake = when;
}

// What happened since the last plan: tasks that ran, became healthy, ended.
void Planner::account_for_the_past() {
  for (const Task& task : service_.tasks) {
    if (auto* deployment = find(task.deployment)) note_running(*deployment, task, now_);
  }
  for (const Task& task : service_.tasks) {
    auto* deployment = find(task.deployment);
    const bool ended_itself =
        !task.asked_to_stop && (task.phase == Phase::stopping || task.phase == Phase::stopped);
    if (ended_itself || task.phase == Phase::stopped) {
      if (task.accounted) continue;
      if (ended_itself && deployment != nullptr) note_failure(*deployment, task);
      out_.accounted.push_back(task.id);
    } else if (!task.was_healthy && is_checked(task) && counts_as_healthy(task, now_, options_)) {
      out_.first_healthy.push_back(task.id);
      if (deployment != nullptr) deployment->failed_tasks = 0;
    }
  }
}

void Planner::note_failure(Deployment& deployment, const Task& task) {
  const auto before = deployment.backoff_delay;
  note_end(deployment, task, now_);
  constexpr microseconds worth_saying = std::chrono::minutes(1);
  if (deployment.backoff_delay >= worth_saying && before < worth_saying) {
    out_.events.push_back(text::throttled(service_.name));
  }
}

bool Planner::in_grace(const Task& task) {
  if (service_.grace.count() == 0 || has_passed(*task.started, service_.grace, now_)) {
    return false;
  }
  wake_at(*task.started + service_.grace);
  return true;
}

std::optional<Illness> Planner::illness(const Task& task) {
  if (task.phase != Phase::running || !task.started) return std::nullopt;
  for (const Target& target : task.targets) {
    if (target.phase != TargetPhase::unhealthy) continue;
    return Illness{
        text::stop_target_health(target.group),
        text::unhealthy_target(service_.name, task.id, target.port, target.group, target.reason)};
  }
  if (task.health == Health::unhealthy) {
    return Illness{text::stop_container_health(),
                   text::unhealthy_container(service_.name, task.id)};
  }
  return std::nullopt;
}

void Planner::sort_tasks() {
  for (const Task& task : service_.tasks) {
    if (!is_live(task)) continue;
    const bool mine = task.deployment == primary().id;
    if (counts_as_healthy(task, now_, options_)) {
      (mine ? healthy_ : old_healthy_).push_back(&task);
      continue;
    }
    if (task.started && !is_checked(task)) wake_at(*task.started + options_.settle_time);
    if (!mine) {
      (task.phase == Phase::pending ? old_pending_ : old_unsure_).push_back(&task);
    } else if (illness(task) && !in_grace(task)) {
      bad_.push_back(&task);
    } else {
      coming_.push_back(&task);
    }
  }
  healthy_count_ = size(healthy_) + size(old_healthy_);
  live_count_ =
      healthy_count_ + size(bad_) + size(coming_) + size(old_pending_) + size(old_unsure_);
  lower_ =
      failed() ? service_.desired : lower_bound(service_.desired, service_.minimum_healthy_percent);
  room_ = std::max(service_.desired, upper_bound(service_.desired, service_.maximum_percent)) -
          live_count_;
}

void Planner::register_targets() {
  std::map<std::string, size_t> count;
  for (const Task& task : service_.tasks) {
    if (!is_live(task) || task.phase != Phase::running) continue;
    for (const Target& target : task.targets) {
      if (target.phase != TargetPhase::absent) continue;
      out_.registrations.push_back({task.id, target.group, target.port});
      ++count[target.group];
    }
  }
  registered_ = std::move(count);
}

void Planner::start() {
  missing_ = service_.desired - size(healthy_) - size(coming_);
  std::vector<std::string> started;
  if (missing_ > 0 && !failed() && !service_.subnets.empty()) {
    if (const auto until = held_back_until(primary(), now_)) {
      held_back_ = true;
      wake_at(*until);
    } else {
      for (int i = std::min(missing_, room_); i > 0; --i) {
        const auto& subnet =
            choose_subnet(service_.subnets, service_.tasks, out_.starts, primary().id);
        out_.starts.push_back({new_id_(), primary().id, subnet.id, subnet.zone});
        started.push_back(out_.starts.back().id);
      }
    }
  }
  if (!started.empty()) out_.events.push_back(text::started(service_.name, started));
  for (const auto& [group, count] : registered_) {
    out_.events.push_back(text::registered(service_.name, count, group));
  }
}

// Everything of the primary deployment is healthy and nothing else is left.
bool Planner::complete() {
  return size(healthy_) == service_.desired && coming_.empty() && bad_.empty() &&
         old_healthy_.empty() && old_pending_.empty() && old_unsure_.empty();
}

void Planner::finish_rollout() {
  auto& list = out_.deployments;
  if (primary().rollout == Rollout::in_progress && complete()) {
    auto& done = primary();
    set_rollout(done, Rollout::completed, text::reason_completed(done.id), now_);
    done.rollback = false;
    out_.events.push_back(text::completed(service_.name, done.id));
  }
  // An emptied deployment leaves the list, but the newest completed one stays as what a failing
  // rollout goes back to.
  bool candidate_kept = primary().rollout == Rollout::completed;
  const std::string first = primary().id;
  std::erase_if(list, [&](const Deployment& d) {
    if (d.id == first) return false;
    if (!candidate_kept && d.rollout == Rollout::completed) {
      candidate_kept = true;
      return false;
    }
    return std::none_of(service_.tasks.begin(), service_.tasks.end(),
                        [&](const Task& t) { return is_live(t) && t.deployment == d.id; });
  });
}

void Planner::report_state() {
  const bool steady = complete() && out_.deployments.size() == 1 && stopped_.empty() &&
                      primary().rollout == Rollout::completed;
  if (!steady) {
    out_.steady_reported.reset();
  } else if (!out_.steady_reported ||
             has_passed(*out_.steady_reported, options_.repeat_events, now_)) {
    out_.steady_reported = now_;
    out_.events.push_back(text::steady(service_.name));
  }
  if (steady) wake_at(*out_.steady_reported + options_.repeat_events);
  if (stuck_ &&
      (!out_.stuck_reported || has_passed(*out_.stuck_reported, options_.repeat_events, now_))) {
    out_.stuck_reported = now_;
    out_.events.push_back(text::stuck(service_.name));
  }
  if (steady) out_.stuck_reported.reset();
}

Actions plan(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
             const Options& options) {
  return Planner(service, now, new_id, options).run();
}

}  // namespace slipway::ecs::plan
