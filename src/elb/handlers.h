// The handlers of all ELB operations, by file.
#pragma once
#include "elb/model.h"

namespace slipway::elb {

// clang-format off
#define SLIPWAY_ELB(function, operation) \
  e::op::operation::Output function(Elb&, aws::Context&, const e::op::operation::Input&);

// load_balancers.cc
SLIPWAY_ELB(create_load_balancer, CreateLoadBalancer)
SLIPWAY_ELB(describe_load_balancers, DescribeLoadBalancers)
SLIPWAY_ELB(delete_load_balancer, DeleteLoadBalancer)
SLIPWAY_ELB(set_security_groups, SetSecurityGroups)
SLIPWAY_ELB(set_subnets, SetSubnets)
SLIPWAY_ELB(set_ip_address_type, SetIpAddressType)
// target_groups.cc
SLIPWAY_ELB(create_target_group, CreateTargetGroup)
SLIPWAY_ELB(describe_target_groups, DescribeTargetGroups)
SLIPWAY_ELB(modify_target_group, ModifyTargetGroup)
SLIPWAY_ELB(delete_target_group, DeleteTargetGroup)
// listeners.cc
SLIPWAY_ELB(create_listener, CreateListener)
SLIPWAY_ELB(describe_listeners, DescribeListeners)
SLIPWAY_ELB(modify_listener, ModifyListener)
SLIPWAY_ELB(delete_listener, DeleteListener)
SLIPWAY_ELB(describe_listener_certificates, DescribeListenerCertificates)
// rules.cc
SLIPWAY_ELB(create_rule, CreateRule)
SLIPWAY_ELB(describe_rules, DescribeRules)
SLIPWAY_ELB(modify_rule, ModifyRule)
SLIPWAY_ELB(delete_rule, DeleteRule)
SLIPWAY_ELB(set_rule_priorities, SetRulePriorities)
// target_health.cc
SLIPWAY_ELB(register_targets, RegisterTargets)
SLIPWAY_ELB(deregister_targets, DeregisterTargets)
SLIPWAY_ELB(describe_target_health, DescribeTargetHealth)
// attribute_calls.cc
SLIPWAY_ELB(describe_load_balancer_attributes, DescribeLoadBalancerAttributes)
SLIPWAY_ELB(modify_load_balancer_attributes, ModifyLoadBalancerAttributes)
SLIPWAY_ELB(describe_target_group_attributes, DescribeTargetGroupAttributes)
SLIPWAY_ELB(modify_target_group_attributes, ModifyTargetGroupAttributes)
SLIPWAY_ELB(describe_listener_attributes, DescribeListenerAttributes)
SLIPWAY_ELB(modify_listener_attributes, ModifyListenerAttributes)
// tags.cc
SLIPWAY_ELB(add_tags, AddTags)
SLIPWAY_ELB(remove_tags, RemoveTags)
SLIPWAY_ELB(describe_tags, DescribeTags)
// limits.cc
SLIPWAY_ELB(describe_account_limits, DescribeAccountLimits)
SLIPWAY_ELB(describe_capacity_reservation, DescribeCapacityReservation)
SLIPWAY_ELB(describe_ssl_policies, DescribeSSLPolicies)
#undef SLIPWAY_ELB
// clang-format on

}  // namespace slipway::elb
