// For the tests of ecs/: an account with a VPC and a load balancer in a store in memory, handlers
// called as the dispatcher would, a fake agent and a fake load balancer that move when told, and
// crashes wherever wanted.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "ec2/model.h"
#include "ec2/network.h"
#include "ecs/api.h"
#include "ecs/cluster.h"
#include "ecs/loop.h"
#include "ecs/service.h"
#include "ecs/tags.h"
#include "ecs/task.h"
#include "ecs/task_definition.h"
#include "elb/handlers.h"
#include "elb/model.h"
#include "elb/shown_health.h"

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
      store.read([&](const store::Reader& db) {
        for (const auto& target : elb::targets.scan(db)) {
          EXPECT_NE(target->id, spec.network->ip) << "stopped before it was drained";
        }
      });
    };
    restart();
  }

  template <typename Self, typename Out, typename In>
  Out call(Self& self, Out (*handler)(Self&, aws::Context&, const In&), const In& in) {
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
      out = handler(self, c, in);
    });
    return out;
  }
  template <typename Out, typename In>
  Out call(Out (*handler)(Ecs&, aws::Context&, const In&), const In& in) {
    return call(ecs, handler, in);
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

  // A target group that a listener forwards to.
  std::string make_group(const std::string& name, bool behind_balancer = true) {
    aws::elb::CreateTargetGroupInput group;
    group.Name = name;
    group.Protocol = "HTTP";
    group.Port = 80;
    group.VpcId = vpc;
    group.TargetType = "ip";
    const std::string arn =
        *call(elb, elb::create_target_group, group).TargetGroups->at(0).TargetGroupArn;
    if (!behind_balancer) return arn;
    aws::elb::CreateLoadBalancerInput balancer;
    balancer.Name = name + "-lb";
    balancer.Subnets = {subnets.at(0), subnets.at(1)};
    aws::elb::CreateListenerInput listener;
    listener.LoadBalancerArn =
        *call(elb, elb::create_load_balancer, balancer).LoadBalancers->at(0).LoadBalancerArn;
    listener.Port = 80;
    listener.Protocol = "HTTP";
    aws::elb::Action action;
    action.Type = "forward";
    action.TargetGroupArn = arn;
    listener.DefaultActions = {action};
    call(elb, elb::create_listener, listener);
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
    store.read([&](const store::Reader& db) {
      for (const auto& row : ec2::interfaces.scan(db)) {
        if (row->shape.Description.value_or("").find(":attachment/") != std::string::npos) ++out;
      }
    });
    return out;
  }
  size_t target_count() {
    size_t out = 0;
    store.read([&](const store::Reader& db) { out = elb::targets.scan(db).size(); });
    return out;
  }

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
    store.write([&](store::Writer& db) {
      for (const auto& target : elb::targets.scan(db)) {
        const std::string key = elb::target_key(target->group, target->id, target->port);
        if (target->state == "draining") {
          elb::targets.erase(db, key);
          continue;
        }
        elb::TargetRow row = *target;
        const bool sick = sick_addresses.contains(row.id) || all_sick;
        elb::set_state(row, sick ? "unhealthy" : "healthy",
                       sick ? "Target.ResponseCodeMismatch" : "");
        if (row.state != target->state) elb::targets.put(db, key, row);
      }
    });
  }

  CrashPoint crash;
  TestClock clock;
  CrashingStore store;
  FakeRunner runner;
  Ecs ecs;
  elb::Elb elb;
  std::optional<Loop> loop;
  std::vector<std::string> subnets;
  std::string vpc;
  std::set<std::string> sick_addresses;
  bool all_sick = false;
};

}  // namespace slipway::ecs
