#include "elb/api.h"

#include "base/strings.h"
#include "elb/handlers.h"

namespace slipway::elb {

namespace {

std::vector<aws::Operation> routing(Elb& elb) {
  using namespace aws::elb::op;
  return {
      aws::op<CreateLoadBalancer>(elb, create_load_balancer),
      aws::op<DescribeLoadBalancers>(elb, describe_load_balancers),
      aws::op<DeleteLoadBalancer>(elb, delete_load_balancer),
      aws::op<SetSecurityGroups>(elb, set_security_groups),
      aws::op<SetSubnets>(elb, set_subnets),
      aws::op<SetIpAddressType>(elb, set_ip_address_type),
      aws::op<CreateListener>(elb, create_listener),
      aws::op<DescribeListeners>(elb, describe_listeners),
      aws::op<ModifyListener>(elb, modify_listener),
      aws::op<DeleteListener>(elb, delete_listener),
      aws::op<DescribeListenerCertificates>(elb, describe_listener_certificates),
      aws::op<CreateRule>(elb, create_rule),
      aws::op<DescribeRules>(elb, describe_rules),
      aws::op<ModifyRule>(elb, modify_rule),
      aws::op<DeleteRule>(elb, delete_rule),
      aws::op<SetRulePriorities>(elb, set_rule_priorities),
  };
}

// Target groups, attributes, tags, limits.
std::vector<aws::Operation> the_rest(Elb& elb) {
  using namespace aws::elb::op;
  return {
      aws::op<CreateTargetGroup>(elb, create_target_group),
      aws::op<DescribeTargetGroups>(elb, describe_target_groups),
      aws::op<ModifyTargetGroup>(elb, modify_target_group),
      aws::op<DeleteTargetGroup>(elb, delete_target_group),
      aws::op<RegisterTargets>(elb, register_targets),
      aws::op<DeregisterTargets>(elb, deregister_targets),
      aws::op<DescribeTargetHealth>(elb, describe_target_health),
      aws::op<DescribeLoadBalancerAttributes>(elb, describe_load_balancer_attributes),
      aws::op<ModifyLoadBalancerAttributes>(elb, modify_load_balancer_attributes),
      aws::op<DescribeTargetGroupAttributes>(elb, describe_target_group_attributes),
      aws::op<ModifyTargetGroupAttributes>(elb, modify_target_group_attributes),
      aws::op<DescribeListenerAttributes>(elb, describe_listener_attributes),
      aws::op<ModifyListenerAttributes>(elb, modify_listener_attributes),
      aws::op<AddTags>(elb, add_tags),
      aws::op<RemoveTags>(elb, remove_tags),
      aws::op<DescribeTags>(elb, describe_tags),
      aws::op<DescribeAccountLimits>(elb, describe_account_limits),
      aws::op<DescribeCapacityReservation>(elb, describe_capacity_reservation),
      aws::op<DescribeSSLPolicies>(elb, describe_ssl_policies),
  };
}

}  // namespace

aws::Service service(Elb& elb) {
  auto operations = routing(elb);
  for (auto& operation : the_rest(elb)) operations.push_back(std::move(operation));
  return {"elasticloadbalancing", std::move(operations)};
}

std::vector<Address> addresses(const store::Reader& db) {
  std::vector<Address> out;
  for (auto& row : load_balancers.scan(db)) {
    Address address;
    const auto& shape = row->shape;
    address.name = shape.LoadBalancerName.value_or("");
    address.arn = shape.LoadBalancerArn.value_or("");
    address.dns_name = shape.DNSName.value_or("");
    address.address = row->address;
    const auto parts = split(address.arn, ':');
    if (parts.size() > 3) address.region = parts[3];
    if (shape.State) {
      address.state = shape.State->Code.value_or("");
      address.reason = shape.State->Reason.value_or("");
    }
    for (auto& listener : listeners.scan(db, listeners_of(address.arn))) {
      address.ports.push_back(static_cast<uint16_t>(*listener->shape.Port));
    }
    std::sort(address.ports.begin(), address.ports.end());
    out.push_back(std::move(address));
  }
  return out;
}

}  // namespace slipway::elb
