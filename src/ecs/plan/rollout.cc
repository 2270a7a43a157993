#include "ecs/plan/rollout.h"

#include <algorithm>

#include "ecs/plan/events.h"

namespace slipway::ecs::plan {
namespace {

constexpr microseconds longest_throttle = std::chrono::minutes(27);
// A task that did run and then ended soon is restarted sooner: AWS does not throttle those at all,
// but its tasks take half a minute to start, ours a fraction of a second.
constexpr microseconds longest_pause = seconds(30);
constexpr microseconds ran_long_enough = seconds(60);

microseconds doubled(int step, microseconds longest) {
  if (step <= 1) return std::min<microseconds>(seconds(1), longest);
  return std::min<microseconds>(seconds(int64_t{1} << std::min(step - 1, 20)), longest);
}

// One step per round of starts: ten tasks that fail together are one round.
void back_off(Deployment& deployment, const Task& task, microseconds longest, TimePoint now) {
  const bool same_round = deployment.backoff_step > 0 && task.created < deployment.backoff_since;
  if (!same_round) ++deployment.backoff_step;
  deployment.backoff_delay = doubled(deployment.backoff_step, longest);
  if (!same_round) deployment.backoff_since = now;
}

}  // namespace

bool has_passed(TimePoint since, microseconds span, TimePoint now) {
  return now >= since + span || since > now + span;
}

int breaker_threshold(int desired) {
  return std::clamp((desired + 1) / 2, 3, 200);
}

void note_running(Deployment& deployment, const Task& task, TimePoint now) {
  if (!task.started) return;
  if (!deployment.reached_running) {
    deployment.reached_running = true;
    deployment.failed_tasks = 0;
  }
  if (deployment.backoff_step > 0 && *task.started >= deployment.backoff_since &&
      has_passed(*task.started, ran_long_enough, now)) {
    deployment.backoff_step = 0;
    deployment.backoff_delay = microseconds(0);
  }
}

void note_end(Deployment& deployment, const Task& task, TimePoint now) {
  if (!task.started) {
    back_off(deployment, task, longest_throttle, now);
    if (!deployment.reached_running) ++deployment.failed_tasks;
    return;
  }
  if (has_passed(*task.started, ran_long_enough, now)) {
    deployment.backoff_step = 0;
    deployment.backoff_delay = microseconds(0);
  } else {
    back_off(deployment, task, longest_pause, now);
  }
  // A task that has checks and ended before it ever passed them has failed them.
  const bool has_checks = task.health != Health::none || !task.targets.empty();
  if (has_checks && !task.was_healthy) ++deployment.failed_tasks;
}

std::optional<TimePoint> held_back_until(const Deployment& deployment, TimePoint now) {
  if (deployment.backoff_step == 0 ||
      has_passed(deployment.backoff_since, deployment.backoff_delay, now)) {
    return std::nullopt;
  }
  return deployment.backoff_since + deployment.backoff_delay;
}

void set_rollout(Deployment& deployment, Rollout rollout, std::string reason, TimePoint now) {
  if (deployment.rollout == rollout && deployment.reason == reason) return;
  deployment.rollout = rollout;
  deployment.reason = std::move(reason);
  deployment.updated = now;
}

void trip_breaker(const Service& service, std::vector<Deployment>& deployments, TimePoint now,
                  std::vector<std::string>& events) {
  auto& primary = deployments.front();
  if (!service.breaker.enable || primary.rollout != Rollout::in_progress ||
      primary.failed_tasks < breaker_threshold(service.desired)) {
    return;
  }
  set_rollout(primary, Rollout::failed, text::reason_failed(), now);
  events.push_back(text::failed(service.name, primary.id));
  if (!service.breaker.rollback) return;
  const auto last_good =
      std::find_if(deployments.begin() + 1, deployments.end(),
                   [](const Deployment& d) { return d.rollout == Rollout::completed; });
  if (last_good == deployments.end()) return;
  auto& back = *last_good;
  set_rollout(back, Rollout::in_progress, text::reason_rolling_back(back.id), now);
  back.rollback = true;
  back.failed_tasks = 0;
  back.reached_running = false;
  back.backoff_step = 0;
  events.push_back(text::rolling_back(service.name, back.id));
  std::rotate(deployments.begin(), last_good, last_good + 1);
}

}  // namespace slipway::ecs::plan
