// The loop over the real store, with a fake agent and load balancer; also killed at every step.
#include <random>

#include "ecs/test_support.h"

namespace slipway::ecs {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

shape::RunTaskRequest run_request(const World& world, const std::string& family) {
  shape::RunTaskRequest in;
  in.taskDefinition = family;
  in.launchType = "FARGATE";
  in.networkConfiguration = world.network();
  return in;
}

std::vector<std::string> messages(const shape::Service& service) {
  std::vector<std::string> out;
  for (const auto& event : *service.events) out.push_back(*event.message);
  return out;
}

TEST(Loop, RunsATaskFromProvisioningToStoppedAndGivesItsAddressBack) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("job", "img"));
  const auto made = world.call(run_task, run_request(world, "job")).tasks->at(0);
  EXPECT_EQ(made.lastStatus, "PROVISIONING");
  EXPECT_EQ(world.interfaces_of_tasks(), 1u);
  world.rounds(4);
  auto task = world.all_tasks().at(0);
  EXPECT_EQ(task.lastStatus, "RUNNING");
  EXPECT_EQ(task.connectivity, "CONNECTED");
  EXPECT_EQ(task.attachments->at(0).status, "ATTACHED");
  EXPECT_TRUE(task.startedAt.has_value());
  EXPECT_GT(*task.version, 1);
  const auto& spec = world.runner.tasks.begin()->second.spec;
  EXPECT_EQ(spec.network->ip, *made.containers->at(0).networkInterfaces->at(0).privateIpv4Address);
  EXPECT_EQ(spec.memory_mib, 512);

  world.runner.exit(*task.taskArn, 3, world.clock.now());
  world.rounds(2);
  task = world.all_tasks().at(0);
  EXPECT_EQ(task.lastStatus, "STOPPED");
  EXPECT_EQ(task.desiredStatus, "STOPPED");
  EXPECT_EQ(task.stopCode, "EssentialContainerExited");
  EXPECT_EQ(task.containers->at(0).exitCode, 3);
  EXPECT_EQ(world.interfaces_of_tasks(), 0u);
  EXPECT_THAT(world.runner.tasks, IsEmpty());
}

TEST(Loop, StopTaskEndsWithTheCallersReason) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("job", "img"));
  const auto made = world.call(run_task, run_request(world, "job")).tasks->at(0);
  world.rounds(4);
  shape::StopTaskRequest in;
  in.task = *made.taskArn;
  in.reason = "enough";
  EXPECT_EQ(world.call(stop_task, in).task->lastStatus, "DEACTIVATING");
  world.rounds(4);
  const auto task = world.all_tasks().at(0);
  EXPECT_EQ(task.lastStatus, "STOPPED");
  EXPECT_EQ(task.stopCode, "UserInitiated");
  EXPECT_EQ(task.stoppedReason, "enough");
}

TEST(Loop, TaskStoppedBeforeTheAgentSawItNeverStarts) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("job", "img"));
  const auto made = world.call(run_task, run_request(world, "job")).tasks->at(0);
  shape::StopTaskRequest in;
  in.task = *made.taskArn;
  world.call(stop_task, in);
  world.rounds(2);
  EXPECT_EQ(world.all_tasks().at(0).lastStatus, "STOPPED");
  EXPECT_THAT(world.runner.forgotten, IsEmpty());
  EXPECT_EQ(world.interfaces_of_tasks(), 0u);
}

TEST(Loop, SecretsFailTheTaskClearly) {
  World world;
  world.make_cluster();
  auto definition = World::definition("job", "img");
  auto& secret = definition.containerDefinitions->at(0).secrets.emplace().emplace_back();
  secret.name = "PASSWORD";
  secret.valueFrom = "arn:aws:ssm:us-east-1:123456789012:parameter/p";
  world.call(register_task_definition, definition);
  world.call(run_task, run_request(world, "job"));
  world.rounds(2);
  const auto task = world.all_tasks().at(0);
  EXPECT_EQ(task.stopCode, "TaskFailedToStart");
  EXPECT_THAT(*task.stoppedReason,
              HasSubstr("ResourceInitializationError: unable to pull secrets"));
}

TEST(Loop, ServiceBecomesSteadyBehindItsLoadBalancer) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  const std::string group = world.make_group("web");
  world.call(create_service, world.service_request("web", 2, group));
  world.rounds(8);
  const auto service = world.service();
  EXPECT_EQ(service.runningCount, 2);
  EXPECT_EQ(service.pendingCount, 0);
  ASSERT_THAT(*service.deployments, SizeIs(1));
  EXPECT_EQ(service.deployments->at(0).rolloutState, "COMPLETED");
  EXPECT_EQ(world.target_count(), 2u);
  EXPECT_EQ(messages(service).at(0), "(service web) has reached a steady state.");
  EXPECT_THAT(messages(service),
              Contains("(service web) registered 2 targets in (target-group " + group + ")"));
  std::set<std::string> zones;
  for (const auto& task : world.all_tasks()) {
    zones.insert(*task.availabilityZone);
    EXPECT_EQ(task.group, "service:web");
    EXPECT_EQ(task.startedBy, service.deployments->at(0).id);
  }
  EXPECT_THAT(zones, SizeIs(2));
}

TEST(Loop, RollingUpdateKeepsTheServiceHealthyAndDrainsBeforeItStops) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  world.call(create_service, world.service_request("web", 2, world.make_group("web")));
  world.rounds(8);
  world.call(register_task_definition, World::definition("web", "v2"));
  shape::UpdateServiceRequest update;
  update.service = "web";
  update.taskDefinition = "web";
  EXPECT_THAT(*world.call(update_service, update).service->deployments, SizeIs(2));
  for (int i = 0; i < 15; ++i) {
    world.round();
    EXPECT_GE(*world.service().runningCount, 2);
  }
  const auto service = world.service();
  ASSERT_THAT(*service.deployments, SizeIs(1));
  EXPECT_THAT(*service.taskDefinition, HasSubstr("task-definition/web:2"));
  EXPECT_EQ(service.runningCount, 2);
  EXPECT_EQ(world.interfaces_of_tasks(), 2u);
  EXPECT_THAT(messages(service), Contains("(service web) has begun draining connections on 2 "
                                          "tasks."));
  for (const auto& task : world.all_tasks()) {
    if (task.lastStatus != "STOPPED") continue;
    EXPECT_EQ(task.stopCode, "ServiceSchedulerInitiated");
    EXPECT_THAT(*task.stoppedReason,
                HasSubstr("Scaling activity initiated by (deployment ecs-svc/"));
  }
}

TEST(Loop, BrokenImageTripsTheBreakerAndRollsBack) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  auto create = world.service_request("web", 2, world.make_group("web"));
  auto& breaker = create.deploymentConfiguration.emplace().deploymentCircuitBreaker.emplace();
  breaker.enable = true;
  breaker.rollback = true;
  world.call(create_service, create);
  world.rounds(8);
  world.call(register_task_definition, World::definition("web", "bad"));
  shape::UpdateServiceRequest update;
  update.service = "web";
  update.taskDefinition = "web:2";
  world.call(update_service, update);
  world.rounds(40);
  const auto service = world.service();
  ASSERT_THAT(*service.deployments, SizeIs(1));
  EXPECT_THAT(*service.taskDefinition, HasSubstr("task-definition/web:1"));
  EXPECT_EQ(service.runningCount, 2);
  EXPECT_THAT(messages(service), Contains(HasSubstr("deployment failed: tasks failed to start.")));
  EXPECT_THAT(messages(service), Contains(HasSubstr("rolling back to deployment ecs-svc/")));
  EXPECT_THAT(messages(service), Contains(HasSubstr("Reason: CannotPullContainerError")));
}

TEST(Loop, SickTaskIsReplaced) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  world.call(create_service, world.service_request("web", 2, world.make_group("web")));
  world.rounds(8);
  const auto victim = world.runner.tasks.begin()->second.spec;
  world.sick_addresses.insert(victim.network->ip);
  world.rounds(12);
  EXPECT_EQ(world.service().runningCount, 2);
  EXPECT_FALSE(world.runner.tasks.contains(victim.arn));
  EXPECT_THAT(messages(world.service()), Contains(HasSubstr("is unhealthy in (target-group")));
}

TEST(Loop, ServiceWithoutChecksIsSteadyAfterItSettled) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  world.call(create_service, world.service_request("web", 1));
  world.rounds(6);
  EXPECT_EQ(world.service().runningCount, 1);
  EXPECT_EQ(world.service().deployments->at(0).rolloutState, "IN_PROGRESS");
  world.clock.advance(seconds(40));
  world.rounds(1);
  EXPECT_EQ(world.service().deployments->at(0).rolloutState, "COMPLETED");
}

TEST(Loop, DeletedServiceDrainsBecomesInactiveAndLaterIsForgotten) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  world.call(create_service, world.service_request("web", 2, world.make_group("web")));
  world.rounds(8);
  shape::DeleteServiceRequest in;
  in.service = "web";
  in.force = true;
  EXPECT_EQ(world.call(delete_service, in).service->status, "DRAINING");
  world.rounds(8);
  EXPECT_EQ(world.service().status, "INACTIVE");
  EXPECT_EQ(world.interfaces_of_tasks(), 0u);
  EXPECT_EQ(world.target_count(), 0u);
  EXPECT_THAT(world.runner.tasks, IsEmpty());
  EXPECT_THAT(world.all_tasks(), SizeIs(2));
  world.clock.advance(seconds(3700));
  world.rounds(1);
  EXPECT_THAT(world.all_tasks(), IsEmpty());
  shape::DescribeServicesRequest describe;
  describe.services = {"web"};
  EXPECT_EQ(world.call(describe_services, describe).failures->at(0).reason, "MISSING");
}

TEST(Loop, TaskThatTheAgentLostIsRecordedAndReplaced) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("web", "v1"));
  world.call(create_service, world.service_request("web", 1, world.make_group("web")));
  world.rounds(8);
  world.runner.tasks.clear();
  world.rounds(10);
  EXPECT_EQ(world.service().runningCount, 1);
  EXPECT_THAT(world.all_tasks(), SizeIs(2));
}

TEST(Loop, StrangersInTheAgentAreStopped) {
  World world;
  agent::TaskSpec stranger;
  stranger.arn = "arn:aws:ecs:us-east-1:123456789012:task/default/0";
  stranger.containers.emplace_back().name = "x";
  stranger.network.emplace().ip = "10.0.0.1";
  world.runner.start_task(stranger);
  world.rounds(6);
  EXPECT_THAT(world.runner.tasks, IsEmpty());
}

// The control plane is killed at the n-th store commit or agent call, again and again, while a
// service is made, updated, scaled, loses a task and is deleted.
class Killed {
 public:
  explicit Killed(uint64_t seed) : random_(seed) {}

  void run() {
    world_.make_cluster();
    world_.call(register_task_definition, World::definition("web", "v1"));
    world_.call(create_service, world_.service_request("web", 2, world_.make_group("web")));
    rounds(12);
    world_.call(register_task_definition, World::definition("web", "v2"));
    shape::UpdateServiceRequest update;
    update.service = "web";
    update.taskDefinition = "web:2";
    world_.call(update_service, update);
    rounds(3);
    update.taskDefinition.reset();
    update.desiredCount = 4;
    world_.call(update_service, update);
    rounds(5);
    if (!world_.runner.tasks.empty()) {
      auto& victim = world_.runner.tasks.begin()->second;
      if (victim.status.last_status == "RUNNING") {
        world_.runner.exit(victim.spec.arn, 137, world_.clock.now());
      }
    }
    rounds(30);
    const auto service = world_.service();
    EXPECT_EQ(service.deployments->size(), 1u);
    EXPECT_EQ(service.runningCount, 4);
    EXPECT_EQ(world_.target_count(), 4u);
    EXPECT_EQ(world_.interfaces_of_tasks(), 4u);
    shape::DeleteServiceRequest remove;
    remove.service = "web";
    remove.force = true;
    world_.call(delete_service, remove);
    rounds(12);
    EXPECT_EQ(world_.service().status, "INACTIVE");
    EXPECT_EQ(world_.target_count(), 0u);
    EXPECT_EQ(world_.interfaces_of_tasks(), 0u);
    EXPECT_TRUE(world_.runner.tasks.empty());
  }

 private:
  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      world_.runner.advance(world_.clock.now());
      world_.balance();
      if (random_() % 2 == 0) world_.crash.left = static_cast<int>(random_() % 12);
      try {
        world_.settle();
      } catch (const Crash&) {
        world_.restart();
      }
      world_.crash.left = -1;
      world_.clock.advance(seconds(1));
    }
    world_.settle();
  }

  std::mt19937_64 random_;
  World world_;
};

TEST(Loop, SurvivesBeingKilledAtAnyStep) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Killed(seed).run();
    if (HasFailure()) return;
  }
}

TEST(Loop, RunsInItsThreadUntilStopped) {
  World world;
  world.make_cluster();
  world.call(register_task_definition, World::definition("job", "img"));
  Stop stop;
  std::jthread thread([&] { world.loop->run(stop); });
  world.call(run_task, run_request(world, "job"));
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  bool started = false;
  while (!started && std::chrono::steady_clock::now() < deadline) {
    world.store.read([&](const store::Reader& db) {
      for (const auto& task : tasks.scan(db)) started = task->handed_over;
    });
    stop.wait_for(milliseconds(5));
  }
  stop.request();
  thread.join();
  EXPECT_TRUE(started);
}

}  // namespace
}  // namespace slipway::ecs
