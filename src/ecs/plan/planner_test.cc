// Directed cases of the service scheduler; simulation_test.cc covers the rest.
#include "ecs/plan/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ecs/plan/placement.h"
#include "ecs/plan/rollout.h"

namespace slipway::ecs::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const TimePoint t0{seconds(1'000'000)};
const char group[] = "arn:tg";

struct Bench {
  Service service;
  TimePoint now = t0;
  int ids = 0;

  Bench() {
    service.name = "web";
    service.desired = 2;
    service.subnets = {{"subnet-a", "a"}, {"subnet-b", "b"}, {"subnet-c", "c"}};
    deploy("ecs-svc/1");
  }
  void deploy(const std::string& id) {
    Deployment d;
    d.id = id;
    d.created = d.updated = now;
    service.deployments.insert(service.deployments.begin(), d);
  }
  Task& task(const std::string& deployment, Phase phase, TargetPhase target,
             const std::string& zone = "a") {
    Task t;
    t.id = "t" + std::to_string(++ids);
    t.deployment = deployment;
    t.zone = zone;
    t.subnet = "subnet-" + zone;
    t.created = now;
    t.phase = phase;
    if (phase == Phase::running) t.started = now;
    t.targets = {{group, 80, target, ""}};
    service.tasks.push_back(t);
    return service.tasks.back();
  }
  Actions run() {
    return plan(service, now, [&] { return "new" + std::to_string(++ids); });
  }
};

TEST(Bounds, RoundUpTheMinimumAndDownTheMaximum) {
  EXPECT_EQ(lower_bound(2, 75), 2);
  EXPECT_EQ(lower_bound(3, 50), 2);
  EXPECT_EQ(lower_bound(4, 0), 0);
  EXPECT_EQ(upper_bound(3, 125), 3);
  EXPECT_EQ(upper_bound(3, 200), 6);
}

TEST(Planner, StartsWhatIsMissingSpreadOverZones) {
  Bench b;
  b.service.desired = 3;
  const auto actions = b.run();
  ASSERT_THAT(actions.starts, SizeIs(3));
  EXPECT_EQ(actions.starts[0].zone, "a");
  EXPECT_EQ(actions.starts[1].zone, "b");
  EXPECT_EQ(actions.starts[2].zone, "c");
  EXPECT_THAT(actions.events, ElementsAre("(service web) has started 3 tasks: (task new1) (task "
                                          "new2) (task new3)."));
}

TEST(Planner, RegistersRunningTasksAndWaitsForTheirTargets) {
  Bench b;
  b.task("ecs-svc/1", Phase::running, TargetPhase::absent);
  b.task("ecs-svc/1", Phase::pending, TargetPhase::absent, "b");
  const auto actions = b.run();
  ASSERT_THAT(actions.registrations, SizeIs(1));
  EXPECT_EQ(actions.registrations[0].task, "t1");
  EXPECT_THAT(actions.events, ElementsAre("(service web) registered 1 targets in (target-group "
                                          "arn:tg)"));
  EXPECT_THAT(actions.starts, IsEmpty());
  EXPECT_EQ(actions.deployments[0].rollout, Rollout::in_progress);
}

TEST(Planner, CompletesOnceEveryTaskIsHealthyAndSaysSoOnce) {
  Bench b;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "b");
  auto actions = b.run();
  EXPECT_EQ(actions.deployments[0].rollout, Rollout::completed);
  EXPECT_EQ(actions.deployments[0].reason, "ECS deployment ecs-svc/1 completed.");
  EXPECT_THAT(actions.events,
              ElementsAre("(service web) (deployment ecs-svc/1) deployment completed.",
                          "(service web) has reached a steady state."));
  b.service.deployments = actions.deployments;
  b.service.steady_reported = actions.steady_reported;
  for (auto& task : b.service.tasks) task.was_healthy = true;
  EXPECT_TRUE(b.run().nothing_to_do());
  b.now += seconds(6 * 3600);
  EXPECT_THAT(b.run().events, ElementsAre("(service web) has reached a steady state."));
}

TEST(Planner, TaskWithoutAnyCheckCountsAfterItSettled) {
  Bench b;
  b.service.desired = 1;
  b.task("ecs-svc/1", Phase::running, TargetPhase::absent).targets.clear();
  auto actions = b.run();
  EXPECT_EQ(actions.deployments[0].rollout, Rollout::in_progress);
  EXPECT_EQ(actions.wake, b.now + seconds(40));
  b.now += seconds(40);
  EXPECT_EQ(b.run().deployments[0].rollout, Rollout::completed);
}

TEST(Planner, RollingUpdateStopsAnOldTaskOnlyForAHealthyNewOne) {
  Bench b;
  b.service.deployments[0].rollout = Rollout::completed;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "b");
  b.deploy("ecs-svc/2");
  auto actions = b.run();
  EXPECT_THAT(actions.starts, SizeIs(2));
  EXPECT_THAT(actions.stops, IsEmpty());
  b.task("ecs-svc/2", Phase::running, TargetPhase::initial);
  b.task("ecs-svc/2", Phase::running, TargetPhase::healthy, "b");
  actions = b.run();
  ASSERT_THAT(actions.stops, SizeIs(1));
  EXPECT_EQ(actions.stops[0].reason, "Scaling activity initiated by (deployment ecs-svc/2)");
  EXPECT_THAT(actions.events, Contains(HasSubstr("has stopped 1 running tasks: (task t")));
  EXPECT_THAT(actions.events, Contains("(service web) has begun draining connections on 1 tasks."));
  EXPECT_THAT(actions.deployments, SizeIs(2));
}

TEST(Planner, UpdateThatMayDoNothingSaysSo) {
  Bench b;
  b.service.minimum_healthy_percent = 75;
  b.service.maximum_percent = 125;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.deploy("ecs-svc/2");
  const auto actions = b.run();
  EXPECT_THAT(actions.starts, IsEmpty());
  EXPECT_THAT(actions.stops, IsEmpty());
  EXPECT_THAT(actions.events, Contains(HasSubstr("was unable to stop or start tasks")));
}

TEST(Planner, UpdateRightAfterTheStartDoesNotTakeEverythingDown) {
  Bench b;
  b.task("ecs-svc/1", Phase::running, TargetPhase::initial);
  b.task("ecs-svc/1", Phase::running, TargetPhase::initial);
  b.deploy("ecs-svc/2");
  const auto actions = b.run();
  EXPECT_THAT(actions.starts, SizeIs(2));
  EXPECT_THAT(actions.stops, IsEmpty());
}

TEST(Planner, ScaleInTakesPendingTasksFirstThenTheFullestZone) {
  Bench b;
  b.service.desired = 2;
  b.service.deployments[0].rollout = Rollout::completed;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "a");
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "b");
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "b");
  b.task("ecs-svc/1", Phase::pending, TargetPhase::absent, "c");
  const auto actions = b.run();
  ASSERT_THAT(actions.stops, SizeIs(2));
  EXPECT_EQ(actions.stops[0].id, "t4");
  EXPECT_EQ(actions.stops[1].id, "t2");
}

TEST(Planner, SickTaskIsReplacedBeforeItIsStopped) {
  Bench b;
  b.service.deployments[0].rollout = Rollout::completed;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.task("ecs-svc/1", Phase::running, TargetPhase::unhealthy, "b").targets[0].reason =
      "Health checks failed with these codes: [502]";
  auto actions = b.run();
  EXPECT_THAT(actions.starts, SizeIs(1));
  EXPECT_THAT(actions.stops, IsEmpty());
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy, "b");
  actions = b.run();
  ASSERT_THAT(actions.stops, SizeIs(1));
  EXPECT_EQ(actions.stops[0].id, "t2");
  EXPECT_EQ(actions.stops[0].reason, "Task failed ELB health checks in (target-group arn:tg)");
  EXPECT_THAT(actions.events,
              Contains("(service web) (task t2) (port 80) is unhealthy in (target-group arn:tg) "
                       "due to (reason Health checks failed with these codes: [502])"));
}

TEST(Planner, GracePeriodShieldsAStartingTask) {
  Bench b;
  b.service.desired = 1;
  b.service.grace = seconds(60);
  b.task("ecs-svc/1", Phase::running, TargetPhase::unhealthy);
  auto actions = b.run();
  EXPECT_THAT(actions.starts, IsEmpty());
  EXPECT_EQ(actions.wake, b.now + seconds(60));
  b.now += seconds(60);
  EXPECT_THAT(b.run().starts, SizeIs(1));
}

TEST(Planner, TasksThatCannotStartBackOffAndTripTheBreakerIntoARollback) {
  Bench b;
  b.service.breaker = {true, true};
  b.service.deployments[0].rollout = Rollout::completed;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy).was_healthy = true;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy).was_healthy = true;
  b.deploy("ecs-svc/2");
  int failures = 0;
  Actions actions;
  for (; failures < 3; ++failures) {
    b.task("ecs-svc/2", Phase::stopped, TargetPhase::absent).desired_running = false;
    actions = b.run();
    b.service.deployments = actions.deployments;
    b.service.tasks.resize(2);
    ASSERT_THAT(actions.starts, IsEmpty()) << "held back";
    if (failures < 2) {
      ASSERT_TRUE(actions.wake.has_value());
      b.now = *actions.wake;
      EXPECT_THAT(b.run().starts, SizeIs(2));
    }
  }
  ASSERT_THAT(actions.deployments, SizeIs(1));
  EXPECT_EQ(actions.deployments[0].id, "ecs-svc/1");
  EXPECT_THAT(actions.events,
              ElementsAre("(service web) (deployment ecs-svc/2) deployment failed: tasks failed to "
                          "start.",
                          "(service web) rolling back to deployment ecs-svc/1.",
                          "(service web) (deployment ecs-svc/1) deployment completed.",
                          "(service web) has reached a steady state."));
}

TEST(Planner, FailedRolloutWithoutRollbackStallsAndKeepsTheOldTasks) {
  Bench b;
  b.service.breaker = {true, false};
  b.service.deployments[0].rollout = Rollout::completed;
  b.task("ecs-svc/1", Phase::running, TargetPhase::healthy);
  b.deploy("ecs-svc/2");
  b.service.deployments[0].failed_tasks = 3;
  const auto actions = b.run();
  EXPECT_EQ(actions.deployments[0].rollout, Rollout::failed);
  EXPECT_EQ(actions.deployments[0].reason,
            "ECS deployment circuit breaker: tasks failed to start.");
  EXPECT_THAT(actions.deployments, SizeIs(2));
  EXPECT_THAT(actions.starts, IsEmpty());
  EXPECT_THAT(actions.stops, IsEmpty());
}

TEST(Breaker, ThresholdIsHalfTheTasksWithinBounds) {
  EXPECT_EQ(breaker_threshold(1), 3);
  EXPECT_EQ(breaker_threshold(25), 13);
  EXPECT_EQ(breaker_threshold(1000), 200);
}

TEST(Clock, SetBackMakesNobodyWaitForTheOldTime) {
  EXPECT_TRUE(has_passed(t0 + seconds(3600), seconds(60), t0));
  EXPECT_FALSE(has_passed(t0 + seconds(1), seconds(60), t0));
  EXPECT_TRUE(has_passed(t0, seconds(60), t0 + seconds(60)));
}

}  // namespace
}  // namespace slipway::ecs::plan
