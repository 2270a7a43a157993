// Documents and names that others read: metadata, container specifications, rules, failure texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/engine_runtime.h"
#include "agent/metadata.h"
#include "agent/stats.h"
#include "agent/testing.h"
#include "base/error.h"
#include "codec/json.h"

namespace slipway::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metadata, DescribesTaskAndContainer) {
  auto spec = testing::one_container_task();
  spec.cpu = 512;
  spec.memory_mib = 1024;
  spec.tags = {{"team", "shop"}};
  auto record = make_record(spec);
  record.containers[0].status.last_status = "RUNNING";
  record.containers[0].status.started_at = TimePoint(seconds(1'700'000'000));
  const auto task = task_metadata(record, {ContainerFacts{}}, true);
  EXPECT_EQ(task["TaskARN"], spec.arn);
  EXPECT_EQ(task["Limits"]["CPU"], 0.5);
  EXPECT_EQ(task["TaskTags"]["team"], "shop");
  const auto& container = task["Containers"][0];
  EXPECT_EQ(container["Name"], "app");
  EXPECT_EQ(container["DockerId"], record.containers[0].token);
  EXPECT_EQ(container["KnownStatus"], "RUNNING");
  EXPECT_EQ(container["Networks"][0]["IPv4Addresses"][0], "10.77.1.16");
  EXPECT_EQ(container["Networks"][0]["SubnetGatewayIpv4Address"], "10.77.1.1/24");
  EXPECT_EQ(container["StartedAt"], "2023-11-14T22:13:20.000000000Z");
  EXPECT_FALSE(container.contains("ExitCode"));
  EXPECT_FALSE(task_metadata(record, {ContainerFacts{}}, false).contains("TaskTags"));
}

TEST(ContainerSpec, CarriesTheAgentsEnvironmentAndTheTasksLimits) {
  auto spec = testing::one_container_task();
  spec.task_role_arn = "arn:aws:iam::123456789012:role/app";
  spec.containers[0].environment = {{"AWS_REGION", "eu-west-1"}, {"COLOUR", "red"}};
  spec.containers[0].memory_mib = 64;
  spec.containers[0].cpu = 0;
  auto record = make_record(spec);
  record.containers[0].image_id = "sha256:abc";
  const auto made = container_spec(record, 0, "/tasks/1", "/run/ns", {{"EXTRA", "1"}});
  const auto& token = record.containers[0].token;
  EXPECT_THAT(made.env, Contains("ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/" + token));
  EXPECT_THAT(made.env, Contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/" +
                                 record.credentials_id));
  EXPECT_THAT(made.env, Contains("AWS_EXECUTION_ENV=AWS_ECS_FARGATE"));
  EXPECT_THAT(made.env, Contains("AWS_REGION=eu-west-1"));
  EXPECT_THAT(made.env, Not(Contains("AWS_REGION=us-east-1")));
  EXPECT_THAT(made.env, Contains("EXTRA=1"));
  EXPECT_EQ(made.image, "sha256:abc");
  EXPECT_EQ(made.network_mode, "netns:/run/ns");
  EXPECT_EQ(made.hostname, "ip-10-77-1-16.ec2.internal");
  EXPECT_EQ(made.memory_bytes, 64u << 20);
  EXPECT_EQ(made.cpu_shares, 2);
  EXPECT_EQ(made.health_check->test, std::vector<std::string>{"NONE"});
  EXPECT_EQ(made.owner, "ecs");
  EXPECT_EQ(made.ulimits.at(0).name, "nofile");
  EXPECT_EQ(made.labels.at("slipway.task"), spec.id);
  EXPECT_TRUE(made.ports.empty());
}

TEST(ContainerSpec, PublishesPortsInBridgeModeOnly) {
  auto spec = testing::one_container_task();
  spec.network_mode = "bridge";
  spec.launch_type = "EC2";
  spec.containers[0].ports.push_back({80, 0, "tcp", "", ""});
  const auto made = container_spec(make_record(spec), 0, "/t", "", {});
  ASSERT_EQ(made.ports.size(), 1u);
  EXPECT_EQ(made.ports[0].container_port, 80);
  EXPECT_EQ(made.ports[0].host_port, 0);
  EXPECT_EQ(made.hosts_file, "");
}

TEST(LogStream, IsPrefixContainerTask) {
  auto spec = testing::one_container_task();
  spec.containers[0].logs = AwsLogs{"/g", "us-east-1", "web", false};
  auto record = make_record(spec);
  EXPECT_EQ(log_stream_name(record, 0), "web/app/" + spec.id);
  record.spec.containers[0].logs->stream_prefix = "";
  record.containers[0].engine_id = "abc";
  EXPECT_EQ(log_stream_name(record, 0), "abc");
}

TEST(Network, NamesFitAndRulesCoverEveryRange) {
  EXPECT_EQ(bridge_name("subnet-0123456789abcdef0"), "sw-56789abcdef0");
  EXPECT_EQ(veth_name("0123456789abcdef0123456789abcdef"), "swt456789abcdef");
  EXPECT_THAT(masquerade_rules({"10.0.0.0/16", "172.31.0.0/16"}),
              HasSubstr("elements = { 10.0.0.0/16, 172.31.0.0/16 }"));
  EXPECT_THAT(masquerade_rules({}), Not(HasSubstr("chain")));
}

TEST(PullFailure, NamesTheWholeReferenceAndTheTries) {
  EXPECT_EQ(pull_failure_text("web:2", not_found("manifest for web:2 not found"), 1),
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            "resolve ref docker.io/library/web:2: not found");
  EXPECT_THAT(pull_failure_text("Not:A:Reference", invalid_argument("invalid reference format"), 1),
              "CannotPullContainerError: invalid reference format");
}

TEST(Stats, FindTheControlGroupOfAProcess) {
  EXPECT_EQ(control_group_of("0::/slipway/a\n"), "/slipway/a");
  EXPECT_EQ(control_group_of("5:cpu,cpuacct:/x\n4:memory:/slipway/m\n0::/\n"), "/slipway/m");
  EXPECT_EQ(control_group_of("0::/\n"), "");
  EXPECT_EQ(control_group_of("nonsense"), "");
}

}  // namespace
}  // namespace slipway::agent
