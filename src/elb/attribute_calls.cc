// Describe- and Modify...Attributes.
#include "elb/attributes.h"
#include "elb/handlers.h"

namespace slipway::elb {
namespace {

template <typename Attribute>
std::vector<Attribute> shown(Holder holder, const Values& set) {
  std::vector<Attribute> out;
  for (auto& [key, value] : all_attributes(holder, set)) {
    Attribute attribute;
    attribute.Key = key;
    attribute.Value = value;
    out.push_back(std::move(attribute));
  }
  return out;
}

template <typename Attribute>
std::vector<std::pair<std::string, std::string>> changes(const std::vector<Attribute>& asked) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& attribute : asked) {
    out.emplace_back(attribute.Key.value_or(""), attribute.Value.value_or(""));
  }
  return out;
}

}  // namespace

e::DescribeLoadBalancerAttributesOutput describe_load_balancer_attributes(
    Elb&, aws::Context& c, const e::DescribeLoadBalancerAttributesInput& in) {
  e::DescribeLoadBalancerAttributesOutput out;
  out.Attributes = shown<e::LoadBalancerAttribute>(
      Holder::load_balancer, need_load_balancer(c, *in.LoadBalancerArn)->attributes);
  return out;
}

e::ModifyLoadBalancerAttributesOutput modify_load_balancer_attributes(
    Elb&, aws::Context& c, const e::ModifyLoadBalancerAttributesInput& in) {
  LoadBalancerRow row = *need_load_balancer(c, *in.LoadBalancerArn);
  change_attributes(Holder::load_balancer, row.attributes, changes(*in.Attributes));
  load_balancers.put(*c.db, *in.LoadBalancerArn, row);
  e::ModifyLoadBalancerAttributesOutput out;
  out.Attributes = shown<e::LoadBalancerAttribute>(Holder::load_balancer, row.attributes);
  return out;
}

e::DescribeTargetGroupAttributesOutput describe_target_group_attributes(
    Elb&, aws::Context& c, const e::DescribeTargetGroupAttributesInput& in) {
  e::DescribeTargetGroupAttributesOutput out;
  out.Attributes = shown<e::TargetGroupAttribute>(
      Holder::target_group, need_target_group(c, *in.TargetGroupArn)->attributes);
  return out;
}

e::ModifyTargetGroupAttributesOutput modify_target_group_attributes(
    Elb&, aws::Context& c, const e::ModifyTargetGroupAttributesInput& in) {
  TargetGroupRow row = *need_target_group(c, *in.TargetGroupArn);
  change_attributes(Holder::target_group, row.attributes, changes(*in.Attributes));
  target_groups.put(*c.db, *in.TargetGroupArn, row);
  e::ModifyTargetGroupAttributesOutput out;
  out.Attributes = shown<e::TargetGroupAttribute>(Holder::target_group, row.attributes);
  return out;
}

e::DescribeListenerAttributesOutput describe_listener_attributes(
    Elb&, aws::Context& c, const e::DescribeListenerAttributesInput& in) {
  e::DescribeListenerAttributesOutput out;
  out.Attributes =
      shown<e::ListenerAttribute>(Holder::listener, need_listener(c, *in.ListenerArn)->attributes);
  return out;
}

e::ModifyListenerAttributesOutput modify_listener_attributes(
    Elb&, aws::Context& c, const e::ModifyListenerAttributesInput& in) {
  ListenerRow row = *need_listener(c, *in.ListenerArn);
  change_attributes(Holder::listener, row.attributes, changes(*in.Attributes));
  listeners.put(*c.db, *in.ListenerArn, row);
  e::ModifyListenerAttributesOutput out;
  out.Attributes = shown<e::ListenerAttribute>(Holder::listener, row.attributes);
  return out;
}

}  // namespace slipway::elb
