#include "ecs/plan/planner.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "ecs/plan/events.h"
#include "ecs/plan/placement.h"
#include "ecs/plan/rollout.h"

namespace slipway::ecs::plan {

int lower_bound(int desired, int minimum_healthy_percent) {
  return static_cast<int>((int64_t{desired} * minimum_healthy_percent + 99) / 100);
}

int upper_bound(int desired, int maximum_percent) {
  return static_cast<int>(int64_t{desired} * maximum_percent / 100);
}

namespace {
bool checked(const Task& task) {
  return task.health != Health::none || !task.targets.empty();
}
}  // namespace

bool counts_as_healthy(const Task& task, TimePoint now, const Options& options) {
  if (!is_live(task) || task.phase != Phase::running || !task.started) return false;
  if (!checked(task)) return has_passed(*task.started, options.settle_time, now);
  if (task.health == Health::unknown || task.health == Health::unhealthy) return false;
  return std::all_of(task.targets.begin(), task.targets.end(),
                     [](const Target& t) { return t.phase == TargetPhase::healthy; });
}

namespace {

using Tasks = std::vector<const Task*>;

// Why a running task must be replaced; empty: it need not.
struct Illness {
  std::string stop_reason, event;
};

class Planner {
 public:
  Planner(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
          const Options& options)
      : service_(service), now_(now), new_id_(new_id), options_(options) {
    out_.deployments = service.deployments;
    out_.steady_reported = service.steady_reported;
    out_.stuck_reported = service.stuck_reported;
  }

  Actions run() {
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

 private:
  Deployment& primary() { return out_.deployments.front(); }
  bool failed() { return primary().rollout == Rollout::failed; }

  Deployment* find(const std::string& id) {
    for (auto& deployment : out_.deployments) {
      if (deployment.id == id) return &deployment;
    }
    return nullptr;
  }

  void wake_at(TimePoint when) {
    if (when > now_ && (!out_.wake || when < *out_.wake)) out_.wake = when;
  }

  // What happened since the last plan: tasks that ran, became healthy, ended.
  void account_for_the_past() {
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
      } else if (!task.was_healthy && checked(task) && counts_as_healthy(task, now_, options_)) {
        out_.first_healthy.push_back(task.id);
        if (deployment != nullptr) deployment->failed_tasks = 0;
      }
    }
  }

  void note_failure(Deployment& deployment, const Task& task) {
    const auto before = deployment.backoff_delay;
    note_end(deployment, task, now_);
    constexpr microseconds worth_saying = std::chrono::minutes(1);
    if (deployment.backoff_delay >= worth_saying && before < worth_saying) {
      out_.events.push_back(text::throttled(service_.name));
    }
  }

  bool in_grace(const Task& task) {
    if (service_.grace.count() == 0 || has_passed(*task.started, service_.grace, now_)) {
      return false;
    }
    wake_at(*task.started + service_.grace);
    return true;
  }

  std::optional<Illness> illness(const Task& task) {
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

  void sort_tasks() {
    for (const Task& task : service_.tasks) {
      if (!is_live(task)) continue;
      const bool mine = task.deployment == primary().id;
      if (counts_as_healthy(task, now_, options_)) {
        (mine ? healthy_ : old_healthy_).push_back(&task);
        continue;
      }
      if (task.started && !checked(task)) wake_at(*task.started + options_.settle_time);
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
    lower_ = failed() ? service_.desired
                      : lower_bound(service_.desired, service_.minimum_healthy_percent);
    room_ = std::max(service_.desired, upper_bound(service_.desired, service_.maximum_percent)) -
            live_count_;
  }

  static int size(const Tasks& tasks) { return static_cast<int>(tasks.size()); }

  void register_targets() {
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

  void start() {
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

  void stop(const Task& task, std::string reason) {
    out_.stops.push_back({task.id, std::move(reason)});
    stopped_.push_back(&task);
  }

  // Tasks of deployments that are being replaced. What is not healthy goes first and costs
  // nothing; of what is healthy only as much as leaves the lower bound. A task that may still
  // become healthy stays while the bound is not met without it: else an update right after the
  // start of a service would take all of it down.
  void stop_old() {
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

  // Tasks of the primary deployment above the desired count: scale-in, and sick ones whose
  // replacement has become healthy.
  void stop_surplus() {
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

  void stop_sick(const Task& task) {
    const auto why = illness(task);
    stop(task, why->stop_reason);
    out_.events.push_back(why->event);
    if (auto* deployment = find(task.deployment)) {
      if (deployment->rollout == Rollout::in_progress) ++deployment->failed_tasks;
    }
  }

  // The upper bound leaves no place for replacements and nothing else is under way: one sick task
  // goes first, an old one if there is one.
  void make_room() {
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

  void report_stops() {
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

  // Everything of the primary deployment is healthy and nothing else is left.
  bool complete() {
    return size(healthy_) == service_.desired && coming_.empty() && bad_.empty() &&
           old_healthy_.empty() && old_pending_.empty() && old_unsure_.empty();
  }

  void finish_rollout() {
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

  void report_state() {
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

  const Service& service_;
  const TimePoint now_;
  const std::function<std::string()>& new_id_;
  const Options& options_;
  Actions out_;

  // Live tasks of the primary deployment: good, to be replaced, not known yet.
  Tasks healthy_, bad_, coming_;
  // Live tasks of the others; unsure: running, but not healthy (yet).
  Tasks old_healthy_, old_pending_, old_unsure_;
  Tasks stopped_;  // by this plan
  std::map<std::string, size_t> registered_;
  int healthy_count_ = 0, live_count_ = 0, lower_ = 0, room_ = 0, missing_ = 0;
  bool held_back_ = false, stuck_ = false;
};

}  // namespace

Actions plan(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
             const Options& options) {
  return Planner(service, now, new_id, options).run();
}

}  // namespace slipway::ecs::plan
