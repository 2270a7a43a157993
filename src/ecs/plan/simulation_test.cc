// The service scheduler against a made-up world under a virtual clock: tasks that start slowly,
// fail to start, crash, lose and regain health, vanish; updates in the middle of updates, scaling,
// clock jumps, plans that are lost before they are applied. Safety is checked at every step,
// liveness after the world has calmed down. SLIPWAY_SIM_SEEDS=n runs n seeds, SLIPWAY_SIM_SEED=n
// that one.
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "ecs/plan/placement.h"
#include "ecs/plan/planner.h"

namespace slipway::ecs::plan {
namespace {

struct Image {  // how the tasks of one deployment behave
  double fails_to_start = 0, crashes = 0, flaps = 0;
  bool never_healthy = false;
  int start_s = 5, health_s = 10;
};

struct Body {  // what the fake agent and load balancer know of one task
  TimePoint running_at, healthy_at, stopped_at;
  bool doomed = false;  // will not start
  bool sick = false;    // will never be healthy
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    service_.name = "sim";
    const std::vector<std::pair<int, int>> bounds = {{100, 200}, {50, 200}, {50, 100}, {0, 100},
                                                     {100, 150}, {75, 125}, {0, 200}};
    do {
      std::tie(service_.minimum_healthy_percent, service_.maximum_percent) =
          bounds[pick(bounds.size())];
      service_.desired = static_cast<int>(1 + pick(6));
    } while (stuck(service_.desired));
    behind_lb_ = chance(0.7);
    drain_s_ = static_cast<int>(pick(40));
    service_.grace = seconds(chance(0.5) ? 0 : pick(60));
    service_.breaker = {chance(0.5), chance(0.5)};
    service_.subnets = {{"s1", "a"}, {"s2", "b"}, {"s3", "b"}};
    update();
  }

  void live(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
      disturb();
      advance();
      step();
    }
  }

  // From here on everything works, but nothing moves that no wake-up or event asks for. Either a
  // last update comes, or what is there has to recover.
  void calm_down() {
    calm_ = true;
    idle_ = false;
    for (auto& [id, image] : images_) {
      image.fails_to_start = 0;
      image.never_healthy = false;
    }
    if (chance(0.5) || service_.deployments.front().rollout == Rollout::failed) {
      update();
    } else {
      service_.breaker.enable = false;
    }
    const std::string expected = service_.deployments.front().id;
    for (int i = 0; i < 4000 && !testing::Test::HasFatalFailure(); ++i) {
      if (idle_) advance();
      step();
      if (finished(expected)) return;
    }
    FAIL() << "never became steady: " << describe();
  }

 private:
  uint64_t pick(uint64_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(double p) { return static_cast<double>(random_() % 10'000) < p * 10'000; }

  bool stuck(int desired) const {
    return upper_bound(desired, service_.maximum_percent) <= desired &&
           lower_bound(desired, service_.minimum_healthy_percent) >= desired;
  }

  void update() {
    Deployment d;
    d.id = "ecs-svc/" + std::to_string(++deployments_);
    d.created = d.updated = now_;
    service_.deployments.insert(service_.deployments.begin(), d);
    Image& image = images_[d.id];
    image.start_s = static_cast<int>(1 + pick(chance(0.2) ? 300 : 10));
    image.health_s = static_cast<int>(1 + pick(chance(0.2) ? 120 : 15));
    if (calm_) return;
    if (chance(0.3)) image.fails_to_start = chance(0.5) ? 1 : 0.3;
    if (chance(0.2)) image.crashes = 0.1;
    if (chance(0.2)) image.flaps = 0.1;
    image.never_healthy = chance(0.15);
  }

  void disturb() {
    if (chance(0.02)) update();
    if (chance(0.02)) {
      const int desired = static_cast<int>(pick(7));
      if (!stuck(desired)) service_.desired = desired;
    }
    if (chance(0.01)) now_ += seconds(pick(7200)) - seconds(3600);  // the wall clock jumps
    for (Task& task : service_.tasks) {
      const Image& image = images_[task.deployment];
      if (task.phase != Phase::running || !task.desired_running) continue;
      if (chance(image.crashes) || chance(0.002)) end(task, false);
      for (Target& target : task.targets) {
        if (target.phase == TargetPhase::healthy && chance(image.flaps)) {
          target.phase = TargetPhase::unhealthy;
          bodies_[task.id].healthy_at = now_ + seconds(pick(60));
        }
      }
      if (chance(0.002)) {  // StopTask by a person
        task.asked_to_stop = true;
        end(task, true);
      }
    }
  }

  void end(Task& task, bool drains) {
    task.desired_running = false;
    task.phase = Phase::stopping;
    bodies_[task.id].stopped_at = now_ + seconds((drains ? drain_s_ : 0) + pick(5));
    for (Target& target : task.targets) {
      if (target.phase != TargetPhase::absent) target.phase = TargetPhase::draining;
    }
  }

  void advance() {
    std::optional<TimePoint> next = wake_;
    const auto consider = [&](TimePoint t) {
      if (t > now_ && (!next || t < *next)) next = t;
    };
    for (const Task& task : service_.tasks) {
      const Body& body = bodies_[task.id];
      if (task.phase == Phase::pending) consider(body.running_at);
      if (task.phase == Phase::running) consider(body.healthy_at);
      if (task.phase == Phase::stopping) consider(body.stopped_at);
    }
    ASSERT_TRUE(next || !calm_) << "sleeps for ever" << describe();
    const TimePoint far = calm_ ? *next : now_ + seconds(20);
    now_ = std::max(now_, std::min(next.value_or(far), far));
    for (Task& task : service_.tasks) move_on(task);
  }

  void move_on(Task& task) {
    Body& body = bodies_[task.id];
    const Image& image = images_[task.deployment];
    // Durations, not dates: a clock set back must not freeze the fake world either.
    const auto due = [&](TimePoint t) { return now_ >= t || t > now_ + seconds(1000); };
    if (task.phase == Phase::pending && due(body.running_at)) {
      if (body.doomed) {
        task.desired_running = false;
        task.phase = Phase::stopped;
        return;
      }
      task.phase = Phase::running;
      task.started = now_;
      body.healthy_at = now_ + seconds(image.health_s);
    } else if (task.phase == Phase::running && due(body.healthy_at)) {
      const bool good = !image.never_healthy && !body.sick;
      for (Target& target : task.targets) {
        if (target.phase == TargetPhase::absent || target.phase == TargetPhase::draining) continue;
        target.phase = good ? TargetPhase::healthy : TargetPhase::unhealthy;
      }
    } else if (task.phase == Phase::stopping && due(body.stopped_at)) {
      task.phase = Phase::stopped;
      for (Target& target : task.targets) target.phase = TargetPhase::absent;
    }
  }

  struct Count {
    int healthy = 0, live = 0, primary_not_sick = 0;
  };
  Count count() const {
    Count out;
    for (const Task& task : service_.tasks) {
      if (!is_live(task)) continue;
      ++out.live;
      if (counts_as_healthy(task, now_, {})) ++out.healthy;
      bool sick = false;
      for (const Target& target : task.targets) {
        sick = sick || target.phase == TargetPhase::unhealthy;
      }
      if (task.deployment == service_.deployments.front().id && !sick) ++out.primary_not_sick;
    }
    return out;
  }

  void step() {
    const auto id = [&] { return "t" + std::to_string(++tasks_); };
    Actions actions = plan(service_, now_, id);
    if (chance(0.1)) actions = plan(service_, now_, id);  // the first was lost in a crash
    wake_ = actions.wake;
    idle_ = actions.nothing_to_do();
    const Count before = count();
    apply(actions);
    check(actions, before, count());
  }

  void apply(const Actions& actions) {
    service_.deployments = actions.deployments;
    service_.steady_reported = actions.steady_reported;
    service_.stuck_reported = actions.stuck_reported;
    for (const auto& stop : actions.stops) {
      Task& task = *find(stop.id);
      ASSERT_TRUE(is_live(task)) << "stopped twice" << describe();
      task.asked_to_stop = true;
      end(task, true);
    }
    for (const auto& registration : actions.registrations) {
      for (Target& target : find(registration.task)->targets) {
        target.phase = TargetPhase::initial;
      }
      bodies_[registration.task].healthy_at =
          now_ + seconds(images_[find(registration.task)->deployment].health_s);
    }
    for (const auto& name : actions.first_healthy) find(name)->was_healthy = true;
    for (const auto& name : actions.accounted) find(name)->accounted = true;
    std::erase_if(service_.tasks,
                  [](const Task& task) { return task.accounted && task.phase == Phase::stopped; });
    for (const auto& start : actions.starts) add(start);
  }

  void add(const Start& start) {
    const Image& image = images_[start.deployment];
    Task task;
    task.id = start.id;
    task.deployment = start.deployment;
    task.zone = start.zone;
    task.subnet = start.subnet;
    task.created = now_;
    if (behind_lb_) task.targets = {{"tg", 80, TargetPhase::absent, ""}};
    Body body;
    body.running_at = now_ + seconds(1 + pick(static_cast<uint64_t>(image.start_s)));
    body.doomed = chance(image.fails_to_start);
    body.sick = !calm_ && chance(0.05);
    bodies_[task.id] = body;
    service_.tasks.push_back(task);
  }

  Task* find(const std::string& name) {
    for (Task& task : service_.tasks) {
      if (task.id == name) return &task;
    }
    ADD_FAILURE() << "no task " << name;
    std::abort();
  }

  void check(const Actions& actions, const Count& before, const Count& after) {
    const int lower = lower_bound(service_.desired, service_.minimum_healthy_percent);
    const int upper =
        std::max(service_.desired, upper_bound(service_.desired, service_.maximum_percent));
    ASSERT_GE(after.healthy, std::min(before.healthy, lower)) << "too few healthy" << describe();
    ASSERT_LE(after.live, std::max(before.live, upper)) << "too many tasks" << describe();
    if (!actions.starts.empty()) {
      ASSERT_LE(after.primary_not_sick, service_.desired) << "started twice" << describe();
      for (const auto& start : actions.starts) {
        ASSERT_EQ(start.deployment, service_.deployments.front().id) << describe();
      }
    }
    ASSERT_LE(service_.deployments.size(), static_cast<size_t>(deployments_)) << describe();
    for (size_t i = 1; i < service_.deployments.size(); ++i) {
      ASSERT_NE(service_.deployments[i].id, service_.deployments[0].id) << describe();
    }
  }

  bool finished(const std::string& deployment) const {
    if (service_.deployments.size() != 1 || !service_.steady_reported) return false;
    if (service_.deployments[0].id != deployment) return false;
    int live = 0;
    for (const Task& task : service_.tasks) {
      if (!is_live(task)) return false;
      if (task.deployment != service_.deployments[0].id) return false;
      ++live;
    }
    return live == service_.desired;
  }

  std::string describe() const {
    std::string out =
        fmt::format(" [desired {} min {}% max {}% lb {} breaker {}/{}", service_.desired,
                    service_.minimum_healthy_percent, service_.maximum_percent, behind_lb_,
                    service_.breaker.enable, service_.breaker.rollback);
    for (const auto& d : service_.deployments) {
      out += fmt::format("; {} rollout {} failed {}", d.id, static_cast<int>(d.rollout),
                         d.failed_tasks);
    }
    for (const auto& t : service_.tasks) {
      out += fmt::format("; {} of {} phase {} wanted {} target {}", t.id, t.deployment,
                         static_cast<int>(t.phase), t.desired_running,
                         t.targets.empty() ? -1 : static_cast<int>(t.targets[0].phase));
    }
    return out + "]";
  }

  std::mt19937_64 random_;
  Service service_;
  TimePoint now_{seconds(1'700'000'000)};
  std::map<std::string, Image> images_;
  std::map<std::string, Body> bodies_;
  std::optional<TimePoint> wake_;
  int deployments_ = 0, tasks_ = 0, drain_s_ = 0;
  bool behind_lb_ = false, calm_ = false, idle_ = false;
};

uint64_t number_from_environment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(Simulation, KeepsItsBoundsAndBecomesSteady) {
  const uint64_t only = number_from_environment("SLIPWAY_SIM_SEED", 0);
  const uint64_t count = number_from_environment("SLIPWAY_SIM_SEEDS", 1500);
  for (uint64_t seed = only ? only : 1; seed <= (only ? only : count); ++seed) {
    SCOPED_TRACE("SLIPWAY_SIM_SEED=" + std::to_string(seed));
    World world(seed);
    world.live(150);
    if (HasFatalFailure()) return;
    world.calm_down();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace slipway::ecs::plan
