// The API against a store in memory: what it answers, what it refuses and in which words.
#include "aws/testing.h"
#include "ecs/test_support.h"

namespace slipway::ecs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Api : testing::Test {
  World w;

  Api() { w.make_cluster(); }
  void register_family(const std::string& family, const std::string& image = "img") {
    w.call(register_task_definition, World::definition(family, image));
  }
  shape::RunTaskRequest run_request(const std::string& family) {
    shape::RunTaskRequest in;
    in.taskDefinition = family;
    in.launchType = "FARGATE";
    in.networkConfiguration = w.network();
    return in;
  }
  std::string refused(shape::RegisterTaskDefinitionRequest in) {
    return w.error_of(register_task_definition, in);
  }
};

// --- clusters ---

TEST_F(Api, CreatingAClusterAgainAnswersTheSameOne) {
  shape::CreateClusterRequest in;
  in.clusterName = "shop";
  const auto first = w.call(create_cluster, in).cluster;
  EXPECT_EQ(first->clusterArn, "arn:aws:ecs:us-east-1:123456789012:cluster/shop");
  EXPECT_EQ(first->status, "ACTIVE");
  EXPECT_EQ(*w.call(create_cluster, in).cluster, *first);
  in.clusterName = "no/good";
  EXPECT_THAT(w.error_of(create_cluster, in), HasSubstr("InvalidParameterException"));
}

TEST_F(Api, DescribeClustersShowsWhatIsIncludedAndReportsTheMissing) {
  shape::CreateClusterRequest in;
  in.clusterName = "shop";
  auto& tag = in.tags.emplace().emplace_back();
  tag.key = "team";
  tag.value = "a";
  w.call(create_cluster, in);
  shape::DescribeClustersRequest describe;
  describe.clusters = {"shop", "nothing"};
  auto out = w.call(describe_clusters, describe);
  ASSERT_THAT(*out.clusters, SizeIs(1));
  EXPECT_THAT(*out.clusters->at(0).tags, IsEmpty());
  EXPECT_EQ(out.failures->at(0).reason, "MISSING");
  describe.include = {"TAGS", "SETTINGS", "STATISTICS"};
  out = w.call(describe_clusters, describe);
  EXPECT_THAT(*out.clusters->at(0).tags, SizeIs(1));
  EXPECT_EQ(out.clusters->at(0).settings->at(0).name, "containerInsights");
  EXPECT_THAT(*out.clusters->at(0).statistics, SizeIs(8));
}

TEST_F(Api, ClusterInUseCannotBeDeleted) {
  register_family("job");
  w.call(run_task, run_request("job"));
  shape::DeleteClusterRequest in;
  in.cluster = "default";
  EXPECT_EQ(w.error_of(delete_cluster, in),
            "ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active.");
  w.call(create_service, w.service_request("job", 0));
  EXPECT_EQ(w.error_of(delete_cluster, in),
            "ClusterContainsServicesException: The Cluster cannot be deleted while Services are "
            "active.");
}

TEST_F(Api, DeletedClusterIsInactiveAndCanBeMadeAgain) {
  shape::DeleteClusterRequest in;
  in.cluster = "default";
  EXPECT_EQ(w.call(delete_cluster, in).cluster->status, "INACTIVE");
  EXPECT_EQ(w.error_of(delete_cluster, in), "ClusterNotFoundException: Cluster not found.");
  shape::ListClustersRequest list;
  EXPECT_THAT(*w.call(list_clusters, list).clusterArns, IsEmpty());
  w.make_cluster();
  EXPECT_THAT(*w.call(list_clusters, list).clusterArns, SizeIs(1));
}

TEST_F(Api, CapacityProvidersAreReplacedAndServeAsDefault) {
  shape::PutClusterCapacityProvidersRequest in;
  in.cluster = "default";
  in.capacityProviders = {"FARGATE", "FARGATE_SPOT"};
  auto& item = in.defaultCapacityProviderStrategy.emplace().emplace_back();
  item.capacityProvider = "FARGATE_SPOT";
  item.weight = 1;
  w.call(put_cluster_capacity_providers, in);
  register_family("job");
  auto run = run_request("job");
  run.launchType.reset();
  const auto task = w.call(run_task, run).tasks->at(0);
  EXPECT_EQ(task.capacityProviderName, "FARGATE_SPOT");
  EXPECT_EQ(task.launchType, "FARGATE");
  in.capacityProviders = {"mine"};
  EXPECT_THAT(w.error_of(put_cluster_capacity_providers, in), HasSubstr("was not found"));
}

TEST(Strategy, ServesTheBaseFirstAndThenTheWeights) {
  Strategy strategy(2);
  strategy[0].capacityProvider = "FARGATE";
  strategy[0].base = 2;
  strategy[0].weight = 1;
  strategy[1].capacityProvider = "FARGATE_SPOT";
  strategy[1].base = 0;
  strategy[1].weight = 3;
  std::map<std::string, int> running;
  for (int i = 0; i < 10; ++i) ++running[choose_provider(strategy, running)];
  EXPECT_EQ(running["FARGATE"], 4);
  EXPECT_EQ(running["FARGATE_SPOT"], 6);
}

// --- task definitions ---

TEST_F(Api, RegisteringFillsInWhatClientsCompare) {
  auto in = World::definition("web", "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1");
  in.cpu = ".25 vCPU";
  in.memory = "0.5GB";
  in.executionRoleArn = "arn:aws:iam::123456789012:role/exec";
  const auto out = *w.call(register_task_definition, in).taskDefinition;
  EXPECT_EQ(out.taskDefinitionArn, "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1");
  EXPECT_EQ(out.cpu, "256");
  EXPECT_EQ(out.memory, "512");
  EXPECT_EQ(out.status, "ACTIVE");
  EXPECT_THAT(*out.compatibilities, ElementsAre("EC2", "FARGATE"));
  const auto& container = out.containerDefinitions->at(0);
  EXPECT_EQ(container.cpu, 0);
  EXPECT_EQ(container.essential, true);
  EXPECT_THAT(*container.environment, IsEmpty());
  EXPECT_THAT(*container.mountPoints, IsEmpty());
  EXPECT_EQ(container.portMappings->at(0).hostPort, 8080);
  EXPECT_EQ(container.portMappings->at(0).protocol, "tcp");
  std::vector<std::string> attributes;
  for (const auto& a : *out.requiresAttributes) attributes.push_back(*a.name);
  EXPECT_THAT(attributes, Contains("ecs.capability.task-eni"));
  EXPECT_THAT(attributes, Contains("ecs.capability.execution-role-ecr-pull"));
}

TEST_F(Api, RefusedTaskDefinitions) {
  const auto with = [](auto change) {
    auto in = World::definition("web", "img");
    change(in, in.containerDefinitions->at(0));
    return in;
  };
  EXPECT_EQ(refused(with([](auto& in, auto&) { in.memory = "4096"; })),
            "ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 "
            "memory.");
  EXPECT_THAT(refused(with([](auto& in, auto&) { in.cpu.reset(); })),
              HasSubstr("Fargate requires that 'cpu' be defined at the task level."));
  EXPECT_THAT(refused(with([](auto& in, auto&) { in.memory.reset(); })),
              HasSubstr("At least one of 'memory' or 'memoryReservation' must be specified."));
  EXPECT_THAT(refused(with([](auto& in, auto&) { in.networkMode = "bridge"; })),
              HasSubstr("Fargate only supports network mode"));
  EXPECT_THAT(refused(with([](auto&, auto& c) { c.image.reset(); })),
              HasSubstr("Container.image should not be null or empty."));
  EXPECT_THAT(refused(with([](auto&, auto& c) { c.essential = false; })),
              HasSubstr("at least one essential container"));
  EXPECT_THAT(refused(with([](auto&, auto& c) { c.portMappings->at(0).hostPort = 80; })),
              HasSubstr("host ports and container ports in port mappings must match"));
  EXPECT_THAT(refused(with([](auto&, auto& c) { c.privileged = true; })),
              HasSubstr("Fargate does not support 'privileged'"));
  EXPECT_THAT(refused(with([](auto&, auto& c) {
                c.image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/x";
              })),
              HasSubstr("execution role ARN to support ECR images."));
  EXPECT_THAT(refused(with([](auto&, auto& c) {
                c.logConfiguration.emplace().logDriver = "awslogs";
                c.logConfiguration->options = {{"awslogs-group", "g"},
                                               {"awslogs-region", "us-east-1"},
                                               {"awslogs-stream-prefix", "p"}};
              })),
              HasSubstr("execution role ARN to support log driver awslogs."));
  EXPECT_THAT(refused(with([](auto& in, auto&) { in.family = "a b"; })),
              HasSubstr("ClientException"));
  EXPECT_THAT(refused(with([](auto& in, auto&) { in.containerDefinitions->clear(); })),
              HasSubstr("should not be empty"));
}

TEST_F(Api, DependenciesMustExistAndNotFormACycle) {
  auto in = World::definition("web", "img");
  in.containerDefinitions->push_back(in.containerDefinitions->at(0));
  auto& a = in.containerDefinitions->at(0);
  auto& b = in.containerDefinitions->at(1);
  b.name = "side";
  b.portMappings->clear();
  auto& ab = a.dependsOn.emplace().emplace_back();
  ab.containerName = "side";
  ab.condition = "COMPLETE";
  EXPECT_THAT(refused(in), HasSubstr("cannot be essential"));
  b.essential = false;
  EXPECT_THAT(refused(in), "no error");
  auto& ba = b.dependsOn.emplace().emplace_back();
  ba.containerName = "app";
  ba.condition = "START";
  EXPECT_THAT(refused(in), HasSubstr("form a cycle"));
}

TEST(FargateSizes, AreThoseOfTheTable) {
  EXPECT_TRUE(valid_fargate_size(256, 512));
  EXPECT_TRUE(valid_fargate_size(4096, 30 * 1024));
  EXPECT_TRUE(valid_fargate_size(8192, 20 * 1024));
  EXPECT_FALSE(valid_fargate_size(8192, 18 * 1024));
  EXPECT_FALSE(valid_fargate_size(256, 4096));
  EXPECT_FALSE(valid_fargate_size(300, 512));
  EXPECT_EQ(parse_cpu("1 vCPU"), 1024);
  EXPECT_EQ(parse_cpu(".5 vcpu"), 512);
  EXPECT_EQ(parse_memory("2 GB"), 2048);
  EXPECT_FALSE(parse_memory("2 pounds"));
}

TEST_F(Api, RevisionsAreNeverUsedTwice) {
  register_family("web");
  register_family("web");
  shape::DeregisterTaskDefinitionRequest deregister;
  deregister.taskDefinition = "web:2";
  EXPECT_EQ(w.call(deregister_task_definition, deregister).taskDefinition->status, "INACTIVE");
  shape::DescribeTaskDefinitionRequest describe;
  describe.taskDefinition = "web";
  EXPECT_EQ(w.call(describe_task_definition, describe).taskDefinition->revision, 1);
  describe.taskDefinition = "web:2";
  EXPECT_EQ(w.call(describe_task_definition, describe).taskDefinition->status, "INACTIVE");
  shape::DeleteTaskDefinitionsRequest remove;
  remove.taskDefinitions = {"web:1", "web:2"};
  const auto removed = w.call(delete_task_definitions, remove);
  EXPECT_THAT(*removed.failures, SizeIs(1));
  EXPECT_EQ(removed.taskDefinitions->at(0).status, "DELETE_IN_PROGRESS");
  w.settle();
  EXPECT_EQ(w.error_of(describe_task_definition, describe),
            "ClientException: Unable to describe task definition.");
  const auto next = w.call(register_task_definition, World::definition("web", "img"));
  EXPECT_EQ(next.taskDefinition->revision, 3);
}

TEST_F(Api, TaskDefinitionsAreListedInPagesBothWays) {
  for (int i = 0; i < 12; ++i) register_family("web");
  register_family("api");
  const auto all = [&](shape::ListTaskDefinitionsRequest in) {
    std::vector<std::string> out;
    in.maxResults = 5;
    do {
      const auto page = w.call(list_task_definitions, in);
      for (const auto& arn : *page.taskDefinitionArns) out.push_back(last_segment(arn));
      in.nextToken = page.nextToken;
    } while (in.nextToken);
    return out;
  };
  shape::ListTaskDefinitionsRequest in;
  auto forward = all(in);
  EXPECT_THAT(forward, SizeIs(13));
  EXPECT_EQ(forward.front(), "api:1");
  EXPECT_EQ(forward.back(), "web:12");
  in.sort = "DESC";
  const auto backward = all(in);
  std::reverse(forward.begin(), forward.end());
  EXPECT_EQ(backward, forward);
  in.familyPrefix = "api";
  EXPECT_THAT(all(in), ElementsAre("api:1"));
  shape::ListTaskDefinitionFamiliesRequest families;
  EXPECT_THAT(*w.call(list_task_definition_families, families).families, ElementsAre("api", "web"));
}

// --- tasks ---

TEST_F(Api, RunTaskRefusesWhatCannotRun) {
  register_family("job");
  auto in = run_request("job");
  in.cluster = "nowhere";
  EXPECT_EQ(w.error_of(run_task, in), "ClusterNotFoundException: Cluster not found.");
  in = run_request("nothing");
  EXPECT_EQ(w.error_of(run_task, in), "ClientException: TaskDefinition not found.");
  in = run_request("job");
  in.count = 11;
  EXPECT_THAT(w.error_of(run_task, in), HasSubstr("InvalidParameterException"));
  in = run_request("job");
  in.networkConfiguration.reset();
  EXPECT_EQ(w.error_of(run_task, in),
            "InvalidParameterException: Network Configuration must be provided when networkMode "
            "'awsvpc' is specified.");
  in = run_request("job");
  in.networkConfiguration->awsvpcConfiguration->subnets = {"subnet-0"};
  EXPECT_THAT(w.error_of(run_task, in), HasSubstr("InvalidSubnetID.NotFound"));
  in = run_request("job");
  in.launchType.reset();
  EXPECT_EQ(w.error_of(run_task, in),
            "InvalidParameterException: No Container Instances were found in your cluster.");
  in = run_request("job");
  in.overrides.emplace().containerOverrides.emplace().emplace_back().name = "other";
  EXPECT_THAT(w.error_of(run_task, in),
              HasSubstr("Override for container named other is not a container"));
}

TEST_F(Api, ClientTokenMakesRunTaskIdempotent) {
  register_family("job");
  auto in = run_request("job");
  in.clientToken = "once";
  const auto first = w.call(run_task, in);
  const auto again = w.call(run_task, in);
  EXPECT_EQ(first.tasks->at(0).taskArn, again.tasks->at(0).taskArn);
  EXPECT_THAT(w.all_tasks(), SizeIs(1));
  in.count = 2;
  EXPECT_THAT(w.error_of(run_task, in), HasSubstr("ConflictException"));
}

TEST_F(Api, OverridesReachTheContainer) {
  auto definition = World::definition("job", "img");
  auto& before = definition.containerDefinitions->at(0).environment.emplace().emplace_back();
  before.name = "A";
  before.value = "1";
  w.call(register_task_definition, definition);
  auto in = run_request("job");
  auto& change = in.overrides.emplace().containerOverrides.emplace().emplace_back();
  change.name = "app";
  change.command = {"run", "it"};
  auto& pair = change.environment.emplace().emplace_back();
  pair.name = "A";
  pair.value = "2";
  w.call(run_task, in);
  w.rounds(1);
  const auto& container = w.runner.tasks.begin()->second.spec.containers.at(0);
  EXPECT_THAT(container.command, ElementsAre("run", "it"));
  ASSERT_THAT(container.environment, SizeIs(1));
  EXPECT_EQ(container.environment[0].second, "2");
}

TEST_F(Api, ListTasksFilters) {
  register_family("job");
  register_family("other");
  auto in = run_request("job");
  in.startedBy = "cron";
  const auto first = w.call(run_task, in).tasks->at(0);
  w.call(run_task, run_request("other"));
  shape::ListTasksRequest list;
  EXPECT_THAT(*w.call(list_tasks, list).taskArns, SizeIs(2));
  list.family = "job";
  EXPECT_THAT(*w.call(list_tasks, list).taskArns, ElementsAre(*first.taskArn));
  list.family.reset();
  list.startedBy = "cron";
  EXPECT_THAT(*w.call(list_tasks, list).taskArns, ElementsAre(*first.taskArn));
  list.startedBy.reset();
  list.desiredStatus = "STOPPED";
  EXPECT_THAT(*w.call(list_tasks, list).taskArns, IsEmpty());
  list.serviceName = "nothing";
  EXPECT_EQ(w.error_of(list_tasks, list), "ServiceNotFoundException: Service not found.");
}

TEST_F(Api, UnknownTasksAreFailuresAndStopTaskSaysSo) {
  shape::DescribeTasksRequest describe;
  describe.tasks = {"00000000000000000000000000000000"};
  EXPECT_EQ(w.call(describe_tasks, describe).failures->at(0).reason, "MISSING");
  shape::StopTaskRequest stop;
  stop.task = "00000000000000000000000000000000";
  EXPECT_EQ(w.error_of(stop_task, stop),
            "InvalidParameterException: The referenced task was not found.");
  stop.task = "arn:aws:ecs:us-east-1:123456789012:task/other/00000000000000000000000000000000";
  EXPECT_EQ(w.error_of(stop_task, stop),
            "InvalidParameterException: Invalid identifier: Identifier is for cluster other. Your "
            "cluster is default");
}

// --- services ---

TEST_F(Api, NewServiceHasWhatTerraformReads) {
  register_family("web");
  const auto group = w.make_group("web");
  const auto out = *w.call(create_service, w.service_request("web", 2, group)).service;
  EXPECT_EQ(out.serviceArn, "arn:aws:ecs:us-east-1:123456789012:service/default/web");
  EXPECT_EQ(out.taskDefinition, "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1");
  EXPECT_EQ(out.status, "ACTIVE");
  EXPECT_EQ(out.launchType, "FARGATE");
  EXPECT_FALSE(out.capacityProviderStrategy.has_value());
  EXPECT_EQ(out.schedulingStrategy, "REPLICA");
  EXPECT_EQ(out.deploymentController->type, "ECS");
  EXPECT_EQ(out.deploymentConfiguration->maximumPercent, 200);
  EXPECT_EQ(out.deploymentConfiguration->minimumHealthyPercent, 100);
  EXPECT_EQ(out.deploymentConfiguration->deploymentCircuitBreaker->enable, false);
  EXPECT_EQ(out.networkConfiguration->awsvpcConfiguration->assignPublicIp, "DISABLED");
  EXPECT_EQ(out.availabilityZoneRebalancing, "ENABLED");
  EXPECT_EQ(out.healthCheckGracePeriodSeconds, 0);
  EXPECT_EQ(out.propagateTags, "NONE");
  EXPECT_EQ(out.loadBalancers->at(0).targetGroupArn, group);
  const auto& deployment = out.deployments->at(0);
  EXPECT_EQ(deployment.status, "PRIMARY");
  EXPECT_EQ(deployment.rolloutState, "IN_PROGRESS");
  EXPECT_EQ(deployment.rolloutStateReason, "ECS deployment " + *deployment.id + " in progress.");
  EXPECT_EQ(deployment.desiredCount, 2);
}

TEST_F(Api, CreateServiceRefusesWithTheWordsThatClientsWaitFor) {
  register_family("web");
  const auto loose = w.make_group("loose", false);
  EXPECT_EQ(w.error_of(create_service, w.service_request("web", 1, loose)),
            "InvalidParameterException: The target group with targetGroupArn " + loose +
                " does not have an associated load balancer.");
  const auto group = w.make_group("web");
  auto in = w.service_request("web", 1, group);
  in.loadBalancers->at(0).containerPort = 9;
  EXPECT_THAT(w.error_of(create_service, in),
              HasSubstr("The container app did not have a container port 9 defined."));
  in = w.service_request("web", 1, group);
  in.loadBalancers->at(0).containerName = "x";
  EXPECT_THAT(w.error_of(create_service, in),
              HasSubstr("The container x does not exist in the task definition."));
  in = w.service_request("web", 1);
  in.desiredCount.reset();
  EXPECT_THAT(w.error_of(create_service, in), HasSubstr("desiredCount is required"));
  in = w.service_request("web", 1);
  in.deploymentController.emplace().type = "CODE_DEPLOY";
  EXPECT_THAT(w.error_of(create_service, in), HasSubstr("UnsupportedFeatureException"));
  in = w.service_request("web", 1);
  auto& bounds = in.deploymentConfiguration.emplace();
  bounds.minimumHealthyPercent = 100;
  bounds.maximumPercent = 100;
  EXPECT_THAT(w.error_of(create_service, in), HasSubstr("this will block deployments"));
  w.call(create_service, w.service_request("web", 1));
  EXPECT_EQ(w.error_of(create_service, w.service_request("web", 2)),
            "InvalidParameterException: Creation of service was not idempotent.");
}

TEST_F(Api, UpdateServiceMakesADeploymentOnlyForANewRevision) {
  register_family("web");
  w.call(create_service, w.service_request("web", 1));
  shape::UpdateServiceRequest in;
  in.service = "web";
  in.desiredCount = 3;
  in.healthCheckGracePeriodSeconds = 5;
  auto out = *w.call(update_service, in).service;
  EXPECT_EQ(out.desiredCount, 3);
  EXPECT_THAT(*out.deployments, SizeIs(1));
  in = {};
  in.service = "arn:aws:ecs:us-east-1:123456789012:service/default/web";
  in.taskDefinition = "web";
  EXPECT_THAT(*w.call(update_service, in).service->deployments, SizeIs(1)) << "the same revision";
  in.forceNewDeployment = true;
  out = *w.call(update_service, in).service;
  ASSERT_THAT(*out.deployments, SizeIs(2));
  EXPECT_EQ(out.deployments->at(1).status, "ACTIVE");
  in = {};
  in.service = "none";
  EXPECT_EQ(w.error_of(update_service, in), "ServiceNotFoundException: Service not found.");
}

TEST_F(Api, InactiveRevisionMayBeKeptButNotTaken) {
  register_family("web");
  w.call(create_service, w.service_request("web", 1));
  register_family("web");
  for (const char* name : {"web:1", "web:2"}) {
    shape::DeregisterTaskDefinitionRequest in;
    in.taskDefinition = name;
    w.call(deregister_task_definition, in);
  }
  w.rounds(4);
  EXPECT_EQ(w.service().runningCount, 1);
  shape::UpdateServiceRequest in;
  in.service = "web";
  in.taskDefinition = "web:1";
  in.forceNewDeployment = true;
  EXPECT_EQ(w.error_of(update_service, in), "no error");
  in.taskDefinition = "web:2";
  EXPECT_EQ(w.error_of(update_service, in), "ClientException: TaskDefinition is inactive");
}

TEST_F(Api, DeleteServiceWantsItScaledToZeroOrForce) {
  register_family("web");
  w.call(create_service, w.service_request("web", 1));
  shape::DeleteServiceRequest in;
  in.service = "web";
  EXPECT_EQ(w.error_of(delete_service, in),
            "InvalidParameterException: The service cannot be stopped while it is scaled above 0.");
  w.rounds(4);
  shape::UpdateServiceRequest update;
  update.service = "web";
  update.desiredCount = 0;
  w.call(update_service, update);
  EXPECT_EQ(w.call(delete_service, in).service->status, "DRAINING");
  shape::ListServicesRequest list;
  EXPECT_THAT(*w.call(list_services, list).serviceArns, IsEmpty());
  update.desiredCount = 1;
  EXPECT_EQ(w.error_of(update_service, update),
            "ServiceNotActiveException: Service was not ACTIVE.");
  w.rounds(6);
  EXPECT_EQ(w.service().status, "INACTIVE");
  EXPECT_EQ(w.error_of(delete_service, in), "ServiceNotFoundException: Service not found.");
  EXPECT_EQ(w.error_of(create_service, w.service_request("web", 1)), "no error");
}

TEST_F(Api, Ec2ServiceIsMadeButSaysThatThereAreNoInstances) {
  auto definition = World::definition("web", "img");
  definition.requiresCompatibilities.reset();
  w.call(register_task_definition, definition);
  auto in = w.service_request("web", 1);
  in.launchType = "EC2";
  w.call(create_service, in);
  w.rounds(3);
  const auto service = w.service();
  EXPECT_EQ(service.runningCount, 0);
  ASSERT_THAT(*service.events, SizeIs(1));
  EXPECT_THAT(*service.events->at(0).message,
              HasSubstr("No Container Instances were found in your cluster."));
}

TEST_F(Api, TaskWithoutAnAddressLeftIsAFailureAndTheServiceBacksOff) {
  register_family("web");
  auto in = w.service_request("web", 1);
  w.call(create_service, in);
  w.store.write([&](store::Writer& db) {
    for (const auto& id : w.subnets) db.erase("ec2_subnets", id);
  });
  w.rounds(5);
  const auto tasks = w.all_tasks();
  ASSERT_THAT(tasks, testing::Not(IsEmpty()));
  EXPECT_LT(tasks.size(), 5u);
  EXPECT_EQ(tasks[0].stopCode, "TaskFailedToStart");
  const auto service = w.service();
  bool said = false;
  for (const auto& event : *service.events) {
    said = said || event.message->find("was unable to place a task. Reason:") != std::string::npos;
  }
  EXPECT_TRUE(said);
}

// --- tags and settings ---

TEST_F(Api, TagsCanBeSetReadAndTakenAway) {
  register_family("web");
  w.call(create_service, w.service_request("web", 0));
  for (const char* resource : {"cluster/default", "service/default/web", "task-definition/web:1"}) {
    const std::string arn = std::string("arn:aws:ecs:us-east-1:123456789012:") + resource;
    shape::TagResourceRequest add;
    add.resourceArn = arn;
    add.tags.emplace(2);
    add.tags->at(0).key = "a";
    add.tags->at(0).value = "1";
    add.tags->at(1).key = "b";
    w.call(tag_resource, add);
    shape::UntagResourceRequest remove;
    remove.resourceArn = arn;
    remove.tagKeys = {"b"};
    w.call(untag_resource, remove);
    shape::ListTagsForResourceRequest list;
    list.resourceArn = arn;
    const auto tags = *w.call(list_tags_for_resource, list).tags;
    ASSERT_THAT(tags, SizeIs(1)) << arn;
    EXPECT_EQ(tags[0].key, "a");
  }
  shape::ListTagsForResourceRequest list;
  list.resourceArn = "arn:aws:ecs:us-east-1:123456789012:service/default/none";
  EXPECT_THAT(w.error_of(list_tags_for_resource, list), HasSubstr("InvalidParameterException"));
}

TEST_F(Api, AccountSettingsAreStored) {
  shape::PutAccountSettingDefaultRequest put;
  put.name = "containerInsights";
  put.value = "enabled";
  w.call(put_account_setting_default, put);
  shape::ListAccountSettingsRequest list;
  list.name = "containerInsights";
  EXPECT_THAT(*w.call(list_account_settings, list).settings, IsEmpty());
  list.effectiveSettings = true;
  EXPECT_EQ(w.call(list_account_settings, list).settings->at(0).value, "enabled");
}

// --- through the front door ---

TEST(FrontDoor, SpeaksJsonBothWays) {
  aws::testing::Front front;
  Ecs ecs;
  front.dispatcher.add(service(ecs));
  const std::string prefix = "AmazonEC2ContainerServiceV20141113.";
  auto made = front.json(prefix + "CreateCluster", R"({"clusterName":"shop"})");
  EXPECT_EQ(made.status, 200) << made.reply;
  auto listed = front.json(prefix + "DescribeClusters", R"({"clusters":["shop"]})");
  const auto cluster = nlohmann::json::parse(listed.reply).at("clusters").at(0);
  EXPECT_EQ(cluster.at("clusterName"), "shop");
  EXPECT_EQ(cluster.at("runningTasksCount"), 0);
  auto refused = front.json(prefix + "DescribeServices", R"({"services":["x"],"cluster":"none"})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.reply, HasSubstr("ClusterNotFoundException"));
  auto missing =
      front.json(prefix + "ExecuteCommand", R"({"task":"x","command":"sh","interactive":true})");
  EXPECT_NE(missing.status, 200);
}

}  // namespace
}  // namespace slipway::ecs
