// The state machine under crashes, failures and delays, by seed. Safety at every step: nothing is
// started twice, before its dependencies, or after the task was told to stop; nothing is stopped
// before its dependents. Liveness at the end: a task that was told to stop does, and leaves
// nothing.
#include <gtest/gtest.h>
#include <random>

#include "agent/gates.h"
#include "agent/plan.h"
#include "agent/testing.h"
#include "codec/json.h"

namespace slipway::agent {
namespace {

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {
    auto spec = testing::one_container_task();
    const int count = 1 + pick(4);
    for (int i = 1; i < count; ++i)
      spec.containers.push_back(testing::container_named(fmt::format("c{}", i), pick(2) == 0));
    // Later ones may depend on earlier ones: no cycles.
    for (int i = 1; i < count; ++i) {
      if (pick(3) == 0) continue;
      const int on = pick(i);
      auto& target = spec.containers[static_cast<size_t>(on)];
      const char* conditions[] = {"START", "HEALTHY", "COMPLETE", "SUCCESS"};
      const std::string condition = conditions[pick(target.essential ? 2 : 4)];
      if (condition == "HEALTHY") target.health_check.emplace();
      if (pick(2) == 0) target.start_timeout_s = 10;
      spec.containers[static_cast<size_t>(i)].depends_on.push_back({target.name, condition});
    }
    record_ = saved_ = make_record(spec);
    host_.resize(spec.containers.size());
    starts_.resize(spec.containers.size());
  }

  void run() {
    for (int step = 0; step < 300 && !over(); ++step) {
      world();
      if (pick(60) == 0) crash();
      if (pick(150) == 0) stop();
      once(true);
    }
    stop();
    for (int step = 0; step < 400 && !over(); ++step) {
      now_ += seconds(1);
      world();
      once(false);
    }
    ASSERT_TRUE(over()) << Json(record_).dump(1);
    for (const auto& seen : host_) EXPECT_FALSE(seen.there) << "a container is left";
    EXPECT_TRUE(record_.status.stopped_at);
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool over() const { return record_.status.last_status == "STOPPED"; }

  // What happens by itself.
  void world() {
    now_ += milliseconds(pick(2000));
    for (size_t i = 0; i < host_.size(); ++i) {
      auto& seen = host_[i];
      if (!seen.running) continue;
      if (pick(4) == 0) seen.health = pick(3) == 0 ? "unhealthy" : "healthy";
      if (pick(record_.spec.containers[i].essential ? 200 : 15) == 0) end(i, pick(2));
    }
    if (pulling_ && pick(3) == 0) {
      pulling_ = false;
      for (size_t i = 0; i < record_.containers.size(); ++i) {
        if (!record_.containers[i].image_id.empty()) continue;
        if (pick(40) == 0) {
          fail_container(record_, i, "CannotPullContainerError: no", now_);
        } else {
          record_.containers[i].image_id = "sha256:1";
        }
      }
    }
  }

  void end(size_t i, int code) {
    host_[i].running = false;
    host_[i].exit_code = code;
    host_[i].finished_at = now_;
  }

  // The daemon dies: what was not saved is gone, the host stays as it is.
  void crash() {
    record_ = Json::parse(Json(saved_).dump()).get<TaskRecord>();
    prepared_ = released_ = pulling_ = false;
  }

  void stop() {
    request_stop(record_);
    saved_ = record_;  // stop_task() is durable
    stopped_ = true;
  }

  void once(bool may_fail) {
    Observed observed;
    observed.prepared = prepared_;
    observed.released = released_;
    observed.pulling = pulling_;
    observed.logs_drained = pick(3) == 0;
    observed.containers = host_;
    const auto step = plan(record_, observed, now_);
    record_ = step.next;
    if (step.save) saved_ = record_;
    for (const auto& action : step.actions) {
      if (may_fail && pick(50) == 0) return crash();
      act(action, may_fail);
    }
  }

  void act(const Action& action, bool may_fail) {
    const size_t i = action.container;
    auto& seen = host_.at(i);
    switch (action.what) {
      case Do::prepare:
        prepared_ = true;
        return;
      case Do::pull:
        pulling_ = true;
        return;
      case Do::create:
        ASSERT_FALSE(seen.there);
        ASSERT_EQ(starts_[i], 0) << "made again after it ran";
        seen.there = true;
        seen.id = fmt::format("id{}", i);
        seen.image_id = "sha256:1";
        return;
      case Do::start:
        return start(i, may_fail);
      case Do::signal:
        check_stop_order(i);
        if (seen.running && pick(3) != 0) end(i, 143);
        return;
      case Do::kill:
        check_stop_order(i);
        if (seen.running) end(i, 137);
        return;
      case Do::release:
        for (const auto& one : host_) ASSERT_FALSE(one.running) << "released while running";
        for (auto& one : host_) one = Seen();
        released_ = true;
        return;
    }
  }

  void start(size_t i, bool may_fail) {
    ASSERT_FALSE(stopped_) << "started after the stop";
    ASSERT_TRUE(host_[i].there);
    ASSERT_EQ(starts_[i], 0) << "started twice";
    ASSERT_EQ(gate_of(record_, i, now_).state, Gate::open);
    if (may_fail && pick(60) == 0) {
      fail_container(record_, i, "CannotStartContainerError: no", now_);
      return;
    }
    ++starts_[i];
    host_[i].started = host_[i].running = true;
    host_[i].started_at = now_;
  }

  void check_stop_order(size_t i) {
    for (size_t k = 0; k < host_.size(); ++k) {
      for (const auto& need : record_.spec.containers[k].depends_on) {
        if (need.container == record_.containers[i].status.name) {
          ASSERT_FALSE(host_[k].running && record_.containers[k].status.last_status == "RUNNING")
              << "stopped before its dependent";
        }
      }
    }
  }

  std::mt19937_64 random_;
  TaskRecord record_, saved_;
  std::vector<Seen> host_;
  std::vector<int> starts_;
  TimePoint now_{seconds(1'700'000'000)};
  bool prepared_ = false, released_ = false, pulling_ = false, stopped_ = false;
};

TEST(Simulation, IsSafeAtEveryStepAndEnds) {
  const char* wanted = std::getenv("SLIPWAY_SIM_SEEDS");
  const uint64_t seeds = wanted != nullptr ? std::stoull(wanted) : 300;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Simulation(seed).run();
    if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) return;
  }
}

}  // namespace
}  // namespace slipway::agent
