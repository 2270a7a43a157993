// For the tests of ecs/: an account with a VPC in a store in memory, handlers called as the
// dispatcher would, and a fake load balancer. elb/ and ec2/ publish no more than ecs/ needs, so the
// fake writes the rows of elb's tables by hand, as elb's own loop would.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ec2/network.h"
#include "ecs/api.h"
#include "ecs/cluster.h"
#include "ecs/loop.h"
#include "ecs/service.h"
#include "ecs/tags.h"
#include "ecs/task.h"
#include "ecs/task_definition.h"
#include "ecs/test_fakes.h"
#include "elb/targets.h"

namespace slipway::ecs {

class World {
 public:
  World() : store(crash), runner(crash) {
    store.write(
        [](store::Writer& db) { ec2::ensure_default_vpc(db, "123456789012", "us-east-1"); });
    store.read([&](const store::Reader& db) {
      for (const auto& subnet : ec2::default_subnets(db, "us-east-1")) {
        subnets.push_back(subnet.id);
        vpc = subnet.vpc_id;
      }
    });
    runner.before_stop = [this](const agent::TaskSpec& spec) {
      for (const auto& [key, target] : rows("elb_targets")) {
        EXPECT_NE(target.at("id"), spec.network->ip) << "stopped before it was drained";
      }
    };
    restart();
  }

  template <typename Out, typename In>
  Out call(Out (*handler)(Ecs&, aws::Context&, const In&), const In& in) {
    Out out;
    aws::Context c{.store = store,
                   .db = nullptr,
                   .account = "123456789012",
                   .region = "us-east-1",
                   .principal_arn = "arn:aws:iam::123456789012:root",
                   .user_id = {},
                   .access_key_id = {},
                   .request_id = {},
                   .now = clock.now(),
                   .host = {}};
    store.write([&](store::Writer& db) {
      c.db = &db;
      out = handler(ecs, c, in);
    });
    return out;
  }
  // "Code: message" of the error that the call must end in.
  template <typename Out, typename In>
  std::string error_of(Out (*handler)(Ecs&, aws::Context&, const In&), const In& in) {
    try {
      call(handler, in);
      return "no error";
    } catch (const aws::ServiceError& error) {
      return error.code() + ": " + error.what();
    }
  }

  // A target group; behind_balancer: a listener's rule forwards to it.
  std::string make_group(const std::string& name, bool behind_balancer = true) {
    const std::string arn =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/" + name + "/0";
    put("elb_target_groups", arn,
        {{"shape", {{"TargetGroupArn", arn}, {"TargetGroupName", name}, {"TargetType", "ip"}}}});
    if (behind_balancer) put("elb_uses", arn + "|rule", {{"load_balancer", "lb"}});
    store.read([&](const store::Reader& db) {
      EXPECT_TRUE(elb::target_group_exists(db, arn));
      EXPECT_EQ(elb::target_group_in_use(db, arn), behind_balancer);
    });
    return arn;
  }

  static shape::RegisterTaskDefinitionRequest definition(const std::string& family,
                                                         const std::string& image) {
    shape::RegisterTaskDefinitionRequest in;
    in.family = family;
    in.networkMode = "awsvpc";
    in.requiresCompatibilities = {"FARGATE"};
    in.cpu = "256";
    in.memory = "512";
    auto& container = in.containerDefinitions.emplace().emplace_back();
    container.name = "app";
    container.image = image;
    auto& port = container.portMappings.emplace().emplace_back();
    port.containerPort = 8080;
    return in;
  }
  shape::NetworkConfiguration network() const {
    shape::NetworkConfiguration out;
    out.awsvpcConfiguration.emplace().subnets = subnets;
    return out;
  }
  void make_cluster() {
    shape::CreateClusterRequest in;
    call(create_cluster, in);
  }
  shape::CreateServiceRequest service_request(const std::string& family, int desired,
                                              const std::string& group = {}) const {
    shape::CreateServiceRequest in;
    in.serviceName = "web";
    in.taskDefinition = family;
    in.desiredCount = desired;
    in.launchType = "FARGATE";
    in.networkConfiguration = network();
    if (!group.empty()) {
      auto& balancer = in.loadBalancers.emplace().emplace_back();
      balancer.targetGroupArn = group;
      balancer.containerName = "app";
      balancer.containerPort = 8080;
    }
    return in;
  }
  shape::Service service(const std::string& name = "web") {
    shape::DescribeServicesRequest in;
    in.services = {name};
    return call(describe_services, in).services->at(0);
  }
  std::vector<shape::Task> all_tasks() {
    std::vector<shape::Task> out;
    store.read([&](const store::Reader& db) {
      for (const auto& record : tasks.scan(db)) out.push_back(record->task);
    });
    return out;
  }
  size_t interfaces_of_tasks() {
    size_t out = 0;
    for (const auto& [key, row] : rows("ec2_interfaces")) {
      if (row.at("shape").value("Description", "").find(":attachment/") != std::string::npos) ++out;
    }
    return out;
  }
  size_t target_count() { return rows("elb_targets").size(); }

  // The control plane dies and comes back.
  void restart() { loop.emplace(Loop::Deps{store, runner, clock, ecs.options()}); }
  void settle() {
    for (int i = 0; i < 200; ++i) {
      if (!loop->pass().progressed) return;
    }
    FAIL() << "the loop never comes to rest";
  }
  // One round of the world: the agent, the load balancer, the loop, a second of time.
  void round() {
    runner.advance(clock.now());
    balance();
    settle();
    clock.advance(seconds(1));
  }
  void rounds(int count) {
    for (int i = 0; i < count && !testing::Test::HasFatalFailure(); ++i) round();
  }
  // What elb's own loop does: checks pass, draining ends.
  void balance() {
    for (auto& [key, target] : rows("elb_targets")) {
      if (target.at("state") == "draining") {
        store.write([&, &key = key](store::Writer& db) { db.erase("elb_targets", key); });
        continue;
      }
      const bool sick = sick_addresses.contains(target.at("id"));
      const auto before = target;
      target["state"] = sick ? "unhealthy" : "healthy";
      target["reason"] = sick ? "Target.ResponseCodeMismatch" : "";
      if (target != before) put("elb_targets", key, target);
    }
  }

  // Rows of another folder's table, as they are stored.
  std::map<std::string, nlohmann::json> rows(const std::string& table) const {
    std::map<std::string, nlohmann::json> out;
    store.read([&](const store::Reader& db) {
      for (const auto& row : db.scan(table)) out[row.key] = nlohmann::json::parse(*row.value);
    });
    return out;
  }
  void put(const std::string& table, const std::string& key, const nlohmann::json& row) {
    store.write([&](store::Writer& db) { db.put(table, key, row.dump()); });
  }

  CrashPoint crash;
  TestClock clock;
  CrashingStore store;
  FakeRunner runner;
  Ecs ecs;
  std::optional<Loop> loop;
  std::vector<std::string> subnets;
  std::string vpc;
  std::set<std::string> sick_addresses;
};

}  // namespace slipway::ecs
