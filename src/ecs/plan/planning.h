// The planner's working state: one object per plan, its steps in the order in which run() takes
// them. Private to planner.cc (what happened, what to start, how the rollout stands) and
// planner_stops.cc (what to stop).
#pragma once
#include <map>

#include "ecs/plan/planner.h"

namespace slipway::ecs::plan {

using Tasks = std::vector<const Task*>;

// Why a running task must be replaced.
struct Illness {
  std::string stop_reason, event;
};

// The task declares or has a check that says whether it works.
bool is_checked(const Task& task);

class Planner {
 public:
  Planner(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
          const Options& options);
  Actions run();

 private:
  Deployment& primary() { return out_.deployments.front(); }
  bool failed() { return primary().rollout == Rollout::failed; }
  static int size(const Tasks& tasks) { return static_cast<int>(tasks.size()); }
  Deployment* find(const std::string& id);
  void wake_at(TimePoint when);
  // What happened since the last plan: tasks that ran, became healthy, ended.
  void account_for_the_past();
  void note_failure(Deployment& deployment, const Task& task);
  bool in_grace(const Task& task);
  std::optional<Illness> illness(const Task& task);
  void sort_tasks();
  void register_targets();
  void start();
  void stop(const Task& task, std::string reason);
  // Tasks of deployments that are being replaced. What is not healthy goes first and costs
  // nothing; of what is healthy only as much as leaves the lower bound. A task that may still
  // become healthy stays while the bound is not met without it: else an update right after the
  // start of a service would take all of it down.
  void stop_old();
  // Tasks of the primary deployment above the desired count: scale-in, and sick ones whose
  // replacement has become healthy.
  void stop_surplus();
  void stop_sick(const Task& task);
  // The upper bound leaves no place for replacements and nothing else is under way: one sick task
  // goes first, an old one if there is one.
  void make_room();
  void report_stops();
  // Everything of the primary deployment is healthy and nothing else is left.
  bool complete();
  void finish_rollout();
  void report_state();

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

}  // namespace slipway::ecs::plan
