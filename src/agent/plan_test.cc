// The state machine against a pretended host: order of states, dependencies, stops and failures.
#include "agent/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/testing.h"
#include "base/error.h"
#include "codec/json.h"

namespace slipway::agent {
namespace {

using testing::container_named;
using ::testing::ElementsAre;
using testing::one_container_task;

// Carries actions out by setting what the next plan will observe.
class Driver {
 public:
  explicit Driver(const TaskSpec& spec) : record(make_record(spec)) {
    observed.containers.resize(spec.containers.size());
    observed.logs_drained = true;
  }

  // Plans and acts until nothing is left to do; the trace has what happened, in order.
  std::vector<std::string> settle() {
    trace.clear();
    for (int i = 0; i < 100; ++i) {
      const auto before = record.status.last_status;
      const auto step = plan(record, observed, now);
      record = step.next;
      wake_at = step.wake_at;
      if (record.status.last_status != before) trace.push_back(record.status.last_status);
      for (const auto& action : step.actions) act(action);
      const bool again = step.wake_at && *step.wake_at <= now;
      if (step.actions.empty() && record.status.last_status == before && !again) return trace;
    }
    ADD_FAILURE() << "it never settles";
    return trace;
  }

  void act(const Action& action) {
    auto& seen = observed.containers.at(action.container);
    const auto& name = record.containers.at(action.container).status.name;
    const bool general =
        action.what == Do::prepare || action.what == Do::pull || action.what == Do::release;
    trace.push_back(std::string(to_string(action.what)) + (general ? "" : " " + name));
    switch (action.what) {
      case Do::prepare:
        observed.prepared = true;
        break;
      case Do::pull:
        for (auto& container : record.containers) container.image_id = "sha256:1";
        break;
      case Do::create:
        seen.there = true;
        seen.id = "id-" + name;
        break;
      case Do::start:
        seen.started = seen.running = true;
        seen.started_at = now;
        break;
      case Do::signal:
        if (obeys) end(name, 143);
        break;
      case Do::kill:
        end(name, 137);
        break;
      case Do::release:
        observed.released = true;
        break;
    }
  }

  Seen& seen(const std::string& name) {
    return observed.containers.at(container_index(record, name));
  }
  ContainerStatus& status(const std::string& name) {
    return record.containers.at(container_index(record, name)).status;
  }
  void end(const std::string& name, int code) {
    seen(name).running = false;
    seen(name).exit_code = code;
    seen(name).finished_at = now;
  }

  TaskRecord record;
  Observed observed;
  TimePoint now{seconds(1'700'000'000)};
  std::optional<TimePoint> wake_at;
  std::vector<std::string> trace;
  bool obeys = true;  // ends at the stop signal
};

TEST(Plan, GoesThroughTheStatesInOrder) {
  Driver task(one_container_task());
  EXPECT_THAT(task.settle(),
              ElementsAre("prepare", "ACTIVATING", "pull", "create app", "start app", "RUNNING"));
  EXPECT_TRUE(task.record.status.pull_started_at && task.record.status.pull_stopped_at &&
              task.record.status.started_at);
  EXPECT_EQ(task.status("app").last_status, "RUNNING");
  request_stop(task.record);
  EXPECT_THAT(task.settle(), ElementsAre("DEACTIVATING", "STOPPING", "signal app", "DEPROVISIONING",
                                         "release", "STOPPED"));
  EXPECT_EQ(task.status("app").exit_code, 143);
  EXPECT_EQ(task.record.status.stop_code, "");
  EXPECT_TRUE(task.record.status.stopping_at && task.record.status.stopped_at &&
              task.record.status.execution_stopped_at);
}

TEST(Plan, AnEssentialContainersEndIsTheTasks) {
  auto spec = one_container_task();
  spec.containers.push_back(container_named("helper", false));
  Driver task(spec);
  task.settle();
  task.end("helper", 1);
  EXPECT_THAT(task.settle(), ElementsAre());
  EXPECT_EQ(task.record.status.last_status, "RUNNING");
  task.end("app", 0);
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPED");
  EXPECT_EQ(task.record.status.stop_code, "EssentialContainerExited");
  EXPECT_EQ(task.record.status.stopped_reason, "Essential container in task exited");
  EXPECT_EQ(task.status("app").exit_code, 0);
  EXPECT_EQ(task.status("helper").exit_code, 1);
}

TEST(Plan, AFailedPullEndsTheTaskAndSaysWhy) {
  Driver task(one_container_task());
  task.observed.pulling = true;
  task.settle();
  const std::string why = "CannotPullContainerError: not found";
  fail_container(task.record, 0, why, task.now);
  task.observed.pulling = false;
  EXPECT_THAT(task.settle(), ElementsAre("STOPPING", "DEPROVISIONING", "release", "STOPPED"));
  EXPECT_EQ(task.record.status.stop_code, "TaskFailedToStart");
  EXPECT_EQ(task.record.status.stopped_reason, why);
  EXPECT_EQ(task.status("app").reason, why);
  EXPECT_FALSE(task.status("app").exit_code);
  EXPECT_FALSE(task.record.status.started_at);
}

TEST(Plan, KillsWhatDoesNotStopInItsTime) {
  auto spec = one_container_task();
  spec.containers[0].stop_timeout_s = 7;
  Driver task(spec);
  task.obeys = false;
  task.settle();
  request_stop(task.record);
  EXPECT_THAT(task.settle(), ElementsAre("DEACTIVATING", "STOPPING", "signal app"));
  ASSERT_TRUE(task.wake_at);
  EXPECT_EQ(*task.wake_at, task.now + seconds(7));
  task.now += seconds(6);
  EXPECT_THAT(task.settle(), ElementsAre());
  task.now += seconds(1);
  EXPECT_THAT(task.settle(), ElementsAre("kill app", "DEPROVISIONING", "release", "STOPPED"));
  EXPECT_EQ(task.status("app").exit_code, 137);
}

TEST(Plan, HurryKillsAtOnce) {
  Driver task(one_container_task());
  task.obeys = false;
  task.settle();
  request_stop(task.record);
  task.record.hurry = true;
  EXPECT_THAT(task.settle(), ElementsAre("DEACTIVATING", "STOPPING", "kill app", "DEPROVISIONING",
                                         "release", "STOPPED"));
}

TaskSpec chain(const std::string& condition) {
  auto spec = one_container_task();
  spec.containers[0].depends_on.push_back({"first", condition});
  spec.containers.push_back(container_named("first", condition == "HEALTHY"));
  if (condition == "HEALTHY") spec.containers[1].health_check.emplace();
  return spec;
}

TEST(Plan, WaitsForADependencyToCompleteWithSuccess) {
  Driver task(chain("SUCCESS"));
  EXPECT_THAT(task.settle(), ElementsAre("prepare", "ACTIVATING", "pull", "create app",
                                         "create first", "start first"));
  task.end("first", 0);
  EXPECT_THAT(task.settle(), ElementsAre("start app", "RUNNING"));
}

TEST(Plan, ADependencyThatFailsStopsTheTask) {
  Driver task(chain("SUCCESS"));
  task.settle();
  task.end("first", 3);
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPED");
  EXPECT_EQ(task.record.status.stop_code, "TaskFailedToStart");
  EXPECT_THAT(task.record.status.stopped_reason,
              ::testing::StartsWith("TaskDependencyError: container app waits for first"));
  EXPECT_FALSE(task.observed.containers[0].started);
}

TEST(Plan, CompleteIsMetByAnyExitCode) {
  Driver task(chain("COMPLETE"));
  task.settle();
  task.end("first", 3);
  EXPECT_THAT(task.settle(), ElementsAre("start app", "RUNNING"));
}

TEST(Plan, StartIsMetByAContainerThatHasEndedAlready) {
  Driver task(chain("START"));
  task.observed.prepared = true;
  for (int i = 0; i < 20 && !task.seen("first").started; ++i) {
    auto step = plan(task.record, task.observed, task.now);
    task.record = step.next;
    for (const auto& action : step.actions) task.act(action);
  }
  task.end("first", 0);
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "RUNNING");
}

TEST(Plan, WaitsForHealthAndGivesUpAfterTheStartTimeout) {
  auto spec = chain("HEALTHY");
  spec.containers[1].start_timeout_s = 20;
  Driver task(spec);
  task.settle();
  ASSERT_TRUE(task.wake_at);
  EXPECT_EQ(*task.wake_at, task.now + seconds(20));
  Driver other = task;
  other.seen("first").health = "healthy";
  EXPECT_THAT(other.settle(), ElementsAre("start app", "RUNNING"));
  EXPECT_EQ(other.status("first").health, "HEALTHY");
  EXPECT_EQ(other.record.status.health, "UNKNOWN");  // app has no check
  task.now += seconds(20);
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPED");
  EXPECT_THAT(task.record.status.stopped_reason, ::testing::HasSubstr("within 20 seconds"));
}

TEST(Plan, StopsInTheReverseOrderOfStarting) {
  auto spec = one_container_task();
  spec.containers[0].depends_on.push_back({"proxy", "START"});
  spec.containers.push_back(container_named("proxy"));
  spec.containers[1].depends_on.push_back({"log", "START"});
  spec.containers.push_back(container_named("log"));
  Driver task(spec);
  const auto up = task.settle();
  EXPECT_EQ(std::vector<std::string>(up.end() - 4, up.end()),
            (std::vector<std::string>{"start log", "start proxy", "start app", "RUNNING"}));
  request_stop(task.record);
  EXPECT_THAT(task.settle(), ElementsAre("DEACTIVATING", "STOPPING", "signal app", "signal proxy",
                                         "signal log", "DEPROVISIONING", "release", "STOPPED"));
}

TEST(Plan, StoppedBeforeItStartedHasNoExitCodes) {
  Driver task(one_container_task());
  request_stop(task.record);
  EXPECT_THAT(task.settle(), ElementsAre("STOPPING", "DEPROVISIONING", "release", "STOPPED"));
  EXPECT_FALSE(task.status("app").exit_code);
  EXPECT_FALSE(task.record.status.pull_started_at);
}

TEST(Plan, SaysThatMemoryRanOut) {
  Driver task(one_container_task());
  task.settle();
  task.seen("app").oom_killed = true;
  task.end("app", 137);
  task.settle();
  EXPECT_EQ(task.status("app").reason, "OutOfMemoryError: Container killed due to memory usage");
}

TEST(Plan, WaitsForTheLastLogLinesButNotForEver) {
  Driver task(one_container_task());
  task.settle();
  task.observed.logs_drained = false;
  task.end("app", 0);
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPING");
  task.now += drain_patience;
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPED");
}

TEST(Plan, AVanishedContainerEndsTheTask) {
  Driver task(one_container_task());
  task.settle();
  task.seen("app") = Seen();
  task.settle();
  EXPECT_EQ(task.record.status.last_status, "STOPPED");
  EXPECT_THAT(task.status("app").reason, ::testing::StartsWith("ContainerVanishedError"));
}

TEST(Plan, ImageHealthChecksDoNotCount) {
  Driver task(one_container_task());
  task.settle();
  task.seen("app").health = "unhealthy";
  task.settle();
  EXPECT_EQ(task.status("app").health, "UNKNOWN");
}

TEST(Record, SurvivesItsStoredForm) {
  auto spec = one_container_task();
  spec.task_role_arn = "arn:aws:iam::123456789012:role/app";
  spec.containers[0].environment = {{"A", "b=c"}};
  spec.containers[0].health_check = image::HealthCheck{{"CMD", "true"}, 5, 4, 3, 2};
  spec.containers[0].logs = AwsLogs{"/app", "us-east-1", "web", true};
  spec.containers[0].stop_timeout_s = 5;
  spec.containers[0].mounts.push_back({"bind", "/a", "/b", true, "", 0});
  Driver task(spec);
  task.settle();
  const Json stored = task.record;
  EXPECT_EQ(Json(Json::parse(stored.dump()).get<TaskRecord>()), stored);
}

TEST(Record, RefusesWhatCannotBeCarriedOut) {
  auto refused = [](auto change) {
    auto spec = one_container_task();
    change(spec);
    EXPECT_THROW(make_record(spec), Error);
  };
  refused([](TaskSpec& spec) { spec.id = "../x"; });
  refused([](TaskSpec& spec) { spec.containers.clear(); });
  refused([](TaskSpec& spec) { spec.network.reset(); });
  refused([](TaskSpec& spec) { spec.containers.push_back(spec.containers[0]); });
  refused([](TaskSpec& spec) { spec.containers[0].name = "a/b"; });
  refused([](TaskSpec& spec) { spec.containers[0].depends_on.push_back({"app", "START"}); });
}

}  // namespace
}  // namespace slipway::agent
