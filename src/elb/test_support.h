// For elb's tests: an account with a default VPC, and calls of handlers by hand.
#pragma once
#include <gtest/gtest.h>

#include "aws/operation.h"
#include "ec2/network.h"
#include "elb/handlers.h"

namespace slipway::elb {

class Account {
 public:
  Account() : store_(store::open_memory()) {
    store_->write(
        [](store::Writer& db) { ec2::ensure_default_vpc(db, "123456789012", "us-east-1"); });
    store_->read([&](const store::Reader& db) {
      for (auto& subnet : ec2::default_subnets(db, "us-east-1")) {
        subnets.push_back(subnet.id);
        vpc = subnet.vpc_id;
      }
    });
  }

  template <typename Out, typename In>
  Out call(Out (*handler)(Elb&, aws::Context&, const In&), const In& in) {
    Out out;
    aws::Context c{.store = *store_,
                   .db = nullptr,
                   .account = "123456789012",
                   .region = "us-east-1",
                   .principal_arn = {},
                   .user_id = {},
                   .access_key_id = {},
                   .request_id = {},
                   .now = clock.now(),
                   .host = {}};
    store_->write([&](store::Writer& db) {
      c.db = &db;
      out = handler(elb_, c, in);
    });
    return out;
  }
  // The error's code, "" when there was none.
  template <typename Out, typename In>
  std::string error_of(Out (*handler)(Elb&, aws::Context&, const In&), const In& in) {
    try {
      call(handler, in);
      return "";
    } catch (const aws::ServiceError& error) {
      EXPECT_STRNE(error.what(), "");
      return error.code();
    }
  }

  e::LoadBalancer make_balancer(const std::string& name) {
    e::CreateLoadBalancerInput in;
    in.Name = name;
    in.Subnets = {subnets.at(0), subnets.at(1)};
    return call(create_load_balancer, in).LoadBalancers->at(0);
  }
  e::TargetGroup make_group(const std::string& name) {
    e::CreateTargetGroupInput in;
    in.Name = name;
    in.Protocol = "HTTP";
    in.Port = 80;
    in.VpcId = vpc;
    in.TargetType = "ip";
    in.HealthCheckIntervalSeconds = 5;
    in.HealthCheckTimeoutSeconds = 2;
    in.HealthyThresholdCount = 2;
    return call(create_target_group, in).TargetGroups->at(0);
  }
  static e::Action forward(const std::string& group) {
    e::Action action;
    action.Type = "forward";
    action.TargetGroupArn = group;
    return action;
  }
  e::Listener make_listener(const std::string& balancer, int port, const e::Action& action) {
    e::CreateListenerInput in;
    in.LoadBalancerArn = balancer;
    in.Port = port;
    in.Protocol = "HTTP";
    in.DefaultActions = {action};
    return call(create_listener, in).Listeners->at(0);
  }
  e::Rule make_rule(const std::string& listener, int priority, const std::string& path,
                    const e::Action& action) {
    e::CreateRuleInput in;
    in.ListenerArn = listener;
    in.Priority = priority;
    in.Conditions = {path_condition(path)};
    in.Actions = {action};
    return call(create_rule, in).Rules->at(0);
  }
  static e::RuleCondition path_condition(const std::string& path) {
    e::RuleCondition condition;
    condition.Field = "path-pattern";
    condition.PathPatternConfig.emplace().Values = {path};
    return condition;
  }
  std::string state_of(const std::string& group) {
    e::DescribeTargetHealthInput in;
    in.TargetGroupArn = group;
    std::string out;
    const auto answer = call(describe_target_health, in);
    for (auto& one : *answer.TargetHealthDescriptions) {
      out += *one.TargetHealth->State + " " + one.TargetHealth->Reason.value_or("-") + ";";
    }
    return out;
  }
  void register_ip(const std::string& group, const std::string& ip, int port) {
    e::RegisterTargetsInput in;
    in.TargetGroupArn = group;
    auto& target = in.Targets.emplace().emplace_back();
    target.Id = ip;
    target.Port = port;
    call(register_targets, in);
  }
  void deregister_ip(const std::string& group, const std::string& ip, int port) {
    e::DeregisterTargetsInput in;
    in.TargetGroupArn = group;
    auto& target = in.Targets.emplace().emplace_back();
    target.Id = ip;
    target.Port = port;
    call(deregister_targets, in);
  }

  store::Store& store() { return *store_; }
  TestClock clock;
  std::vector<std::string> subnets;
  std::string vpc;

 private:
  std::unique_ptr<store::Store> store_;
  Elb elb_;
};

}  // namespace slipway::elb
