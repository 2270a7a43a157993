// For the tests of ecs/: a fake agent that moves when told, a store in memory, and crashes wherever
// wanted.
#pragma once
#include <gtest/gtest.h>

#include "ecs/task_runner.h"
#include "store/store.h"

namespace slipway::ecs {

// Not an std::exception, so that nothing on the way catches it.
struct Crash {};

// Counts down to a crash; negative: none.
struct CrashPoint {
  int left = -1;
  void pass() {
    if (left >= 0 && left-- == 0) throw Crash();
  }
};

class CrashingStore : public store::Store {
 public:
  explicit CrashingStore(CrashPoint& point) : point_(point), inner_(store::open_memory()) {}
  void read(const std::function<void(const store::Reader&)>& fn) const override {
    inner_->read(fn);
  }
  uint64_t write(const std::function<void(store::Writer&)>& fn) override {
    point_.pass();
    const auto revision = inner_->write(fn);
    point_.pass();
    return revision;
  }
  uint64_t revision() const override { return inner_->revision(); }
  store::Stats stats() const override { return inner_->stats(); }
  uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const override {
    return inner_->wait_for_change(after, stop, deadline);
  }

 private:
  CrashPoint& point_;
  std::unique_ptr<store::Store> inner_;
};

// Tasks move one status per advance(). An image "bad" cannot be pulled, "short" exits once it runs.
class FakeRunner : public TaskRunner {
 public:
  explicit FakeRunner(CrashPoint& point) : point_(point) {}

  void start_task(const agent::TaskSpec& spec) override {
    point_.pass();
    EXPECT_FALSE(forgotten.contains(spec.arn)) << "started again: " << spec.arn;
    if (tasks.contains(spec.arn)) return;
    Body body{spec, {}, false};
    body.status.arn = spec.arn;
    body.status.last_status = "PROVISIONING";
    for (const auto& container : spec.containers) {
      body.status.containers.push_back({});
      body.status.containers.back().name = container.name;
    }
    tasks[spec.arn] = body;
    ++change;
    point_.pass();
  }
  void stop_task(const std::string& arn) override {
    point_.pass();
    const auto found = tasks.find(arn);
    if (found == tasks.end()) return;
    if (found->second.status.last_status == "RUNNING" && before_stop)
      before_stop(found->second.spec);
    found->second.stopping = true;
    point_.pass();
  }
  void forget_task(const std::string& arn) override {
    point_.pass();
    if (!tasks.contains(arn)) return;
    EXPECT_EQ(tasks.at(arn).status.last_status, "STOPPED") << "forgotten while alive: " << arn;
    tasks.erase(arn);
    forgotten.insert(arn);
    point_.pass();
  }
  std::vector<agent::TaskStatus> list() const override {
    std::vector<agent::TaskStatus> out;
    for (const auto& [arn, body] : tasks) out.push_back(body.status);
    return out;
  }
  uint64_t wait_for_change(uint64_t, const Stop& stop, SteadyTime deadline) const override {
    wait_readable(-1, stop, deadline);
    return change;
  }

  void advance(TimePoint now) {
    for (auto& [arn, body] : tasks) move(body, now);
    ++change;
  }
  // An essential container ends by itself.
  void exit(const std::string& arn, int code, TimePoint now) {
    auto& status = tasks.at(arn).status;
    status.stop_code = "EssentialContainerExited";
    status.stopped_reason = "Essential container in task exited";
    for (auto& container : status.containers) {
      container.exit_code = code;
      container.last_status = "STOPPED";
    }
    status.last_status = "STOPPED";
    status.stopped_at = now;
    ++change;
  }

  struct Body {
    agent::TaskSpec spec;
    agent::TaskStatus status;
    bool stopping = false;
  };
  std::map<std::string, Body> tasks;
  std::set<std::string> forgotten;
  std::function<void(const agent::TaskSpec&)> before_stop;
  std::string container_health = "UNKNOWN";
  std::atomic<uint64_t> change = 0;

 private:
  void move(Body& body, TimePoint now) {
    auto& status = body.status;
    const std::string image = body.spec.containers.front().image;
    if (status.last_status == "STOPPED") return;
    if (body.stopping) {
      const bool last = status.last_status == "DEPROVISIONING";
      status.last_status = last ? "STOPPED" : "DEPROVISIONING";
      if (last) status.stopped_at = now;
    } else if (status.last_status == "PROVISIONING") {
      status.last_status = "PENDING";
    } else if (status.last_status == "PENDING" && image == "bad") {
      status.stop_code = "TaskFailedToStart";
      status.stopped_reason = "CannotPullContainerError: no such image";
      status.last_status = "STOPPED";
      status.stopped_at = now;
    } else if (status.last_status == "PENDING") {
      status.last_status = "RUNNING";
      status.started_at = now;
      for (auto& container : status.containers) container.last_status = "RUNNING";
    } else if (status.last_status == "RUNNING") {
      status.health = container_health;
      if (image == "short") exit(status.arn, 1, now);
    }
  }
  CrashPoint& point_;
};

}  // namespace slipway::ecs
