#include <gtest/gtest.h>

#include "elb/attributes.h"
#include "elb/targets.h"
#include "elb/test_support.h"

namespace slipway::elb {
namespace {

TEST(LoadBalancer, HasItsOwnAddressNameAndInterfacesAndTakesThemWithIt) {
  Account account;
  const auto one = account.make_balancer("shop");
  const auto two = account.make_balancer("admin");
  EXPECT_EQ(one.State->Code, "provisioning");
  EXPECT_EQ(one.Type, "application");
  EXPECT_EQ(one.AvailabilityZones->size(), 2u);
  EXPECT_EQ(one.SecurityGroups->size(), 1u);
  EXPECT_TRUE(one.LoadBalancerArn->starts_with(
      "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/"));
  EXPECT_TRUE(one.DNSName->starts_with("shop-"));
  EXPECT_TRUE(one.DNSName->ends_with(".us-east-1.elb.localhost"));
  std::vector<Address> shown;
  account.store().read([&](const store::Reader& db) { shown = addresses(db); });
  ASSERT_EQ(shown.size(), 2u);
  EXPECT_TRUE(shown[0].address.starts_with("127."));
  EXPECT_NE(shown[0].address, shown[1].address);

  e::DeleteLoadBalancerInput gone;
  gone.LoadBalancerArn = one.LoadBalancerArn;
  account.call(delete_load_balancer, gone);
  account.call(delete_load_balancer, gone);  // again: fine
  e::DescribeLoadBalancersInput ask;
  ask.Names = {"shop"};
  EXPECT_EQ(account.error_of(describe_load_balancers, ask), "LoadBalancerNotFound");
  ask.Names = {"admin"};
  EXPECT_EQ(account.call(describe_load_balancers, ask).LoadBalancers->size(), 1u);
}

TEST(LoadBalancer, CreationIsCheckedAndRepeatable) {
  Account account;
  e::CreateLoadBalancerInput in;
  in.Name = "shop";
  in.Subnets = {account.subnets.at(0)};
  EXPECT_EQ(account.error_of(create_load_balancer, in), "ValidationError");
  in.Subnets = {account.subnets.at(0), account.subnets.at(0)};
  EXPECT_EQ(account.error_of(create_load_balancer, in), "InvalidConfigurationRequest");
  in.Subnets = {account.subnets.at(0), "subnet-none"};
  EXPECT_EQ(account.error_of(create_load_balancer, in), "SubnetNotFound");
  in.Subnets = {account.subnets.at(0), account.subnets.at(1)};
  in.SecurityGroups = {"sg-none"};
  EXPECT_EQ(account.error_of(create_load_balancer, in), "InvalidSecurityGroup");
  in.SecurityGroups.reset();
  in.Type = "network";
  EXPECT_EQ(account.error_of(create_load_balancer, in), "ValidationError");
  in.Type.reset();
  const auto first = account.call(create_load_balancer, in);
  EXPECT_EQ(account.call(create_load_balancer, in).LoadBalancers, first.LoadBalancers);
  in.Scheme = "internal";
  EXPECT_EQ(account.error_of(create_load_balancer, in), "DuplicateLoadBalancerName");
  for (const char* bad :
       {"-x", "x-", "internal-x", "a b", "", "012345678901234567890123456789012"}) {
    in.Name = bad;
    EXPECT_EQ(account.error_of(create_load_balancer, in), "ValidationError") << bad;
  }
}

TEST(LoadBalancer, DeletionProtectionHolds) {
  Account account;
  const auto balancer = account.make_balancer("shop");
  e::ModifyLoadBalancerAttributesInput protect;
  protect.LoadBalancerArn = balancer.LoadBalancerArn;
  auto& attribute = protect.Attributes.emplace().emplace_back();
  attribute.Key = "deletion_protection.enabled";
  attribute.Value = "true";
  EXPECT_GT(account.call(modify_load_balancer_attributes, protect).Attributes->size(), 20u);
  e::DeleteLoadBalancerInput gone;
  gone.LoadBalancerArn = balancer.LoadBalancerArn;
  EXPECT_EQ(account.error_of(delete_load_balancer, gone), "OperationNotPermitted");
}

TEST(Attributes, UnknownKeysBadAndUnsupportedValuesAreRefused) {
  Values set;
  const auto change = [&](const char* key, const char* value) -> std::string {
    try {
      change_attributes(Holder::load_balancer, set, {{key, value}});
      return "";
    } catch (const aws::ServiceError& error) {
      return error.code() + ": " + error.what();
    }
  };
  EXPECT_EQ(change("nope.x", "1"),
            "ValidationError: Load balancer attribute key 'nope.x' is not recognized");
  EXPECT_TRUE(change("idle_timeout.timeout_seconds", "0").starts_with("InvalidConfiguration"));
  EXPECT_TRUE(change("idle_timeout.timeout_seconds", "4001").starts_with("InvalidConfiguration"));
  EXPECT_TRUE(change("access_logs.s3.enabled", "true").starts_with("InvalidConfiguration"));
  EXPECT_EQ(change("access_logs.s3.enabled", "false"), "");
  EXPECT_EQ(change("idle_timeout.timeout_seconds", "4000"), "");
  EXPECT_EQ(number_attribute(Holder::load_balancer, set, "idle_timeout.timeout_seconds"), 4000);
  EXPECT_EQ(attribute(Holder::target_group, {}, "deregistration_delay.timeout_seconds"), "300");
}

// The keys that Terraform's provider sends on every load balancer.
TEST(Attributes, TerraformsKeysAreKnown) {
  Values set;
  for (const char* key :
       {"access_logs.s3.enabled", "connection_logs.s3.enabled", "deletion_protection.enabled",
        "routing.http.drop_invalid_header_fields.enabled",
        "routing.http.preserve_host_header.enabled",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "routing.http.xff_client_port.enabled", "waf.fail_open.enabled",
        "zonal_shift.config.enabled"}) {
    EXPECT_NO_THROW(change_attributes(Holder::load_balancer, set, {{key, "false"}})) << key;
  }
  EXPECT_NO_THROW(change_attributes(Holder::load_balancer, set,
                                    {{"routing.http2.enabled", "true"},
                                     {"client_keep_alive.seconds", "3600"},
                                     {"routing.http.desync_mitigation_mode", "defensive"},
                                     {"routing.http.xff_header_processing.mode", "append"}}));
}

TEST(TargetGroup, DefaultsAreThoseOfAws) {
  Account account;
  e::CreateTargetGroupInput in;
  in.Name = "web";
  in.Protocol = "HTTP";
  in.Port = 8080;
  in.VpcId = account.vpc;
  const auto group = account.call(create_target_group, in).TargetGroups->at(0);
  EXPECT_EQ(group.TargetType, "instance");
  EXPECT_EQ(group.HealthCheckPath, "/");
  EXPECT_EQ(group.HealthCheckPort, "traffic-port");
  EXPECT_EQ(group.HealthCheckIntervalSeconds, 30);
  EXPECT_EQ(group.HealthCheckTimeoutSeconds, 5);
  EXPECT_EQ(group.HealthyThresholdCount, 5);
  EXPECT_EQ(group.UnhealthyThresholdCount, 2);
  EXPECT_EQ(group.Matcher->HttpCode, "200");
  in.HealthCheckPath = "/other";
  EXPECT_EQ(account.error_of(create_target_group, in), "DuplicateTargetGroupName");
  in.Name = "other";
  in.HealthCheckPath = "no slash\r\nX: y";
  EXPECT_EQ(account.error_of(create_target_group, in), "ValidationError");
  in.HealthCheckPath = "/";
  in.Matcher.emplace().HttpCode = "100-600";
  EXPECT_EQ(account.error_of(create_target_group, in), "ValidationError");
  in.Matcher->HttpCode = "200,300-399";
  in.Protocol = "TCP";
  EXPECT_EQ(account.error_of(create_target_group, in), "UnsupportedProtocol");
}

TEST(Listener, UseOfAGroupIsTrackedThroughEveryChange) {
  Account account;
  const auto balancer = account.make_balancer("shop");
  const auto group = *account.make_group("web").TargetGroupArn;
  const auto other = *account.make_group("api").TargetGroupArn;
  const auto in_use = [&](const std::string& arn) {
    bool out = false;
    account.store().read([&](const store::Reader& db) { out = target_group_in_use(db, arn); });
    return out;
  };
  EXPECT_FALSE(in_use(group));
  const auto listener =
      account.make_listener(*balancer.LoadBalancerArn, 80, Account::forward(group));
  EXPECT_TRUE(in_use(group));
  EXPECT_EQ(listener.DefaultActions->at(0).ForwardConfig->TargetGroups->at(0).Weight, 1);

  e::DeleteTargetGroupInput gone;
  gone.TargetGroupArn = group;
  EXPECT_EQ(account.error_of(delete_target_group, gone), "ResourceInUse");

  e::ModifyListenerInput modify;
  modify.ListenerArn = listener.ListenerArn;
  modify.DefaultActions = {Account::forward(other)};
  account.call(modify_listener, modify);
  EXPECT_FALSE(in_use(group));
  EXPECT_TRUE(in_use(other));

  const auto rule = account.make_rule(*listener.ListenerArn, 10, "/api/*", Account::forward(group));
  EXPECT_TRUE(in_use(group));
  e::DeleteRuleInput drop;
  drop.RuleArn = rule.RuleArn;
  account.call(delete_rule, drop);
  EXPECT_FALSE(in_use(group));
  EXPECT_EQ(account.error_of(delete_rule, drop), "RuleNotFound");

  e::DeleteLoadBalancerInput all;
  all.LoadBalancerArn = balancer.LoadBalancerArn;
  account.call(delete_load_balancer, all);
  EXPECT_FALSE(in_use(other));
  account.call(delete_target_group, gone);
}

TEST(Listener, PortsGroupsAndProtocolsAreChecked) {
  Account account;
  const auto balancer = *account.make_balancer("shop").LoadBalancerArn;
  const auto second = *account.make_balancer("second").LoadBalancerArn;
  const auto group = *account.make_group("web").TargetGroupArn;
  account.make_listener(balancer, 80, Account::forward(group));
  e::CreateListenerInput in;
  in.LoadBalancerArn = balancer;
  in.Port = 80;
  in.Protocol = "HTTP";
  e::Action fixed;
  fixed.Type = "fixed-response";
  fixed.FixedResponseConfig.emplace().StatusCode = "404";
  in.DefaultActions = {fixed};
  EXPECT_EQ(account.error_of(create_listener, in), "DuplicateListener");
  in.Port = 443;
  in.Protocol = "HTTPS";
  EXPECT_EQ(account.error_of(create_listener, in), "UnsupportedProtocol");
  in.Protocol = "TCP";
  EXPECT_EQ(account.error_of(create_listener, in), "ValidationError");
  in.Protocol = "HTTP";
  in.LoadBalancerArn = second;
  in.DefaultActions = {Account::forward(group)};
  EXPECT_EQ(account.error_of(create_listener, in), "TargetGroupAssociationLimit");
  in.DefaultActions = {Account::forward(group + "x")};
  EXPECT_EQ(account.error_of(create_listener, in), "TargetGroupNotFound");
  in.LoadBalancerArn = second + "x";
  EXPECT_EQ(account.error_of(create_listener, in), "LoadBalancerNotFound");
}

TEST(Rule, PrioritiesAreUniqueAndCanBeSwapped) {
  Account account;
  const auto balancer = *account.make_balancer("shop").LoadBalancerArn;
  const auto group = *account.make_group("web").TargetGroupArn;
  const auto listener = *account.make_listener(balancer, 80, Account::forward(group)).ListenerArn;
  const auto a = account.make_rule(listener, 10, "/a", Account::forward(group));
  const auto b = account.make_rule(listener, 9, "/b", Account::forward(group));
  EXPECT_EQ(a.Conditions->at(0).Values->at(0), "/a") << "the old form is filled in";
  e::CreateRuleInput in;
  in.ListenerArn = listener;
  in.Priority = 10;
  in.Conditions = {Account::path_condition("/c")};
  in.Actions = {Account::forward(group)};
  EXPECT_EQ(account.error_of(create_rule, in), "PriorityInUse");

  e::SetRulePrioritiesInput swap;
  swap.RulePriorities.emplace(2);
  swap.RulePriorities->at(0).RuleArn = a.RuleArn;
  swap.RulePriorities->at(0).Priority = 9;
  swap.RulePriorities->at(1).RuleArn = b.RuleArn;
  swap.RulePriorities->at(1).Priority = 10;
  account.call(set_rule_priorities, swap);
  e::DescribeRulesInput ask;
  ask.ListenerArn = listener;
  const auto rules = *account.call(describe_rules, ask).Rules;
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0].RuleArn, a.RuleArn);
  EXPECT_EQ(rules[1].RuleArn, b.RuleArn);
  EXPECT_EQ(rules[2].Priority, "default");
  EXPECT_TRUE(*rules[2].IsDefault);
  swap.RulePriorities->pop_back();
  swap.RulePriorities->at(0).Priority = 10;
  EXPECT_EQ(account.error_of(set_rule_priorities, swap), "PriorityInUse");
  e::DeleteRuleInput drop;
  drop.RuleArn = rules[2].RuleArn;
  EXPECT_EQ(account.error_of(delete_rule, drop), "OperationNotPermitted");
}

TEST(Rule, HostileAndUnsupportedInputIsRefused) {
  Account account;
  const auto balancer = *account.make_balancer("shop").LoadBalancerArn;
  const auto group = *account.make_group("web").TargetGroupArn;
  const auto listener = *account.make_listener(balancer, 80, Account::forward(group)).ListenerArn;
  e::CreateRuleInput in;
  in.ListenerArn = listener;
  in.Priority = 1;
  in.Actions = {Account::forward(group)};
  const auto code_with = [&](auto change) {
    e::RuleCondition condition;
    change(condition);
    in.Conditions = {condition};
    return account.error_of(create_rule, in);
  };
  EXPECT_EQ(code_with([](auto& c) {
              c.Field = "path-pattern";
              c.Values = {"/x\nbackend evil"};
            }),
            "ValidationError");
  EXPECT_EQ(code_with([](auto& c) {
              c.Field = "http-header";
              c.HttpHeaderConfig.emplace().HttpHeaderName = "X) -m found #";
              c.HttpHeaderConfig->Values = {"x"};
            }),
            "ValidationError");
  EXPECT_EQ(code_with([](auto& c) {
              c.Field = "source-ip";
              c.SourceIpConfig.emplace().Values = {"10.0.0.1"};
            }),
            "ValidationError");
  EXPECT_EQ(code_with([](auto& c) { c.Field = "moon-phase"; }), "ValidationError");
  EXPECT_EQ(code_with([](auto& c) {
              c.Field = "path-pattern";
              c.Values = {"/1", "/2", "/3", "/4", "/5", "/6"};
            }),
            "ValidationError");
  e::Action redirect;
  redirect.Type = "redirect";
  redirect.RedirectConfig.emplace().StatusCode = "HTTP_301";
  in.Actions = {redirect};
  in.Conditions = {Account::path_condition("/x")};
  EXPECT_EQ(account.error_of(create_rule, in), "InvalidLoadBalancerAction") << "a loop";
  in.Actions->at(0).RedirectConfig->Host = "#{hots}";
  EXPECT_EQ(account.error_of(create_rule, in), "ValidationError");
  in.Actions->at(0).Type = "authenticate-oidc";
  EXPECT_EQ(account.error_of(create_rule, in), "InvalidLoadBalancerAction");
}

TEST(Targets, StatesFollowRegistrationAndUse) {
  Account account;
  const auto balancer = *account.make_balancer("shop").LoadBalancerArn;
  const auto group = *account.make_group("web").TargetGroupArn;
  account.register_ip(group, "10.0.0.5", 8080);
  EXPECT_EQ(account.state_of(group), "unused Target.NotInUse;");
  account.make_listener(balancer, 80, Account::forward(group));
  EXPECT_EQ(account.state_of(group), "initial Elb.RegistrationInProgress;");
  account.register_ip(group, "10.0.0.5", 8080);
  account.deregister_ip(group, "10.0.0.5", 8080);
  EXPECT_EQ(account.state_of(group), "draining Target.DeregistrationInProgress;");
  account.register_ip(group, "10.0.0.5", 8080);
  EXPECT_EQ(account.state_of(group), "initial Elb.RegistrationInProgress;");
  e::RegisterTargetsInput bad;
  bad.TargetGroupArn = group;
  auto& target = bad.Targets.emplace().emplace_back();
  for (const char* ip : {"8.8.8.8", "169.254.169.254", "127.0.0.1", "localhost", "10.0.0.1 "}) {
    target.Id = ip;
    EXPECT_EQ(account.error_of(register_targets, bad), "ValidationError") << ip;
  }
  e::DescribeTargetHealthInput ask;
  ask.TargetGroupArn = group;
  ask.Targets.emplace().emplace_back().Id = "10.0.0.77";
  const auto shown = account.call(describe_target_health, ask).TargetHealthDescriptions->at(0);
  EXPECT_EQ(shown.TargetHealth->State, "unused");
  EXPECT_EQ(shown.TargetHealth->Reason, "Target.NotRegistered");
}

TEST(Tags, OneMemberPerAskedResource) {
  Account account;
  const auto group = *account.make_group("web").TargetGroupArn;
  e::DescribeTagsInput ask;
  ask.ResourceArns = {group};
  EXPECT_TRUE(account.call(describe_tags, ask).TagDescriptions->at(0).Tags->empty());
  e::AddTagsInput add;
  add.ResourceArns = {group};
  auto& tag = add.Tags.emplace().emplace_back();
  tag.Key = "team";
  tag.Value = "web";
  account.call(add_tags, add);
  EXPECT_EQ(account.call(describe_tags, ask).TagDescriptions->at(0).Tags->at(0).Value, "web");
  e::RemoveTagsInput remove;
  remove.ResourceArns = {group};
  remove.TagKeys = {"team"};
  account.call(remove_tags, remove);
  EXPECT_TRUE(account.call(describe_tags, ask).TagDescriptions->at(0).Tags->empty());
  ask.ResourceArns = {group + "x"};
  EXPECT_EQ(account.error_of(describe_tags, ask), "TargetGroupNotFound");
}

}  // namespace
}  // namespace slipway::elb
