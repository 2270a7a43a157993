// Load balancers: their life. Their places: places.cc. The loop takes a new one from provisioning
// to active.
#include "aws/page.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "ec2/network.h"
#include "elb/attributes.h"
#include "elb/handlers.h"
#include "elb/places.h"

namespace slipway::elb {
namespace {

void check_name(const std::string& name) {
  if (name.empty() || name.size() > 32) {
    throw validation("The load balancer name '{}' must have 1 to 32 characters", name);
  }
  if (!only_alnum_and(name, "-")) {
    throw validation("The load balancer name '{}' can only contain letters, digits and hyphens",
                     name);
  }
  if (name.front() == '-' || name.back() == '-') {
    throw validation("The load balancer name '{}' must not begin or end with a hyphen", name);
  }
  if (name.starts_with("internal-")) {
    throw validation("The load balancer name '{}' must not begin with 'internal-'", name);
  }
}

std::shared_ptr<const LoadBalancerRow> find_by_name(const aws::Context& c,
                                                    const std::string& name) {
  for (auto& row : load_balancers.scan(*c.db, c.arn("elasticloadbalancing", "loadbalancer/"))) {
    if (row->shape.LoadBalancerName == name) return row;
  }
  return nullptr;
}

void refuse_other_types(const e::CreateLoadBalancerInput& in) {
  const std::string type = in.Type.value_or("application");
  if (type == "network" || type == "gateway") {
    throw validation("Load balancers of type '{}' are not supported by Slipway yet", type);
  }
  if (type != "application") {
    throw validation("'{}' is not a load balancer type: application, network or gateway", type);
  }
  const std::string scheme = in.Scheme.value_or("internet-facing");
  if (scheme != "internet-facing" && scheme != "internal") {
    throw e::InvalidSchemeException("'" + scheme + "' must be 'internet-facing' or 'internal'");
  }
  if (in.IpAddressType.value_or("ipv4") != "ipv4") {
    throw validation("The IP address type '{}' is not supported by Slipway yet: use 'ipv4'",
                     *in.IpAddressType);
  }
}

LoadBalancerRow new_row(const aws::Context& c, const e::CreateLoadBalancerInput& in,
                        const std::vector<ec2::Subnet>& subnets) {
  const std::string name = *in.Name;
  LoadBalancerRow row;
  row.asked = in;
  row.tags = tags_of(in.Tags);
  auto& shape = row.shape;
  shape.LoadBalancerArn =
      c.arn("elasticloadbalancing", "loadbalancer/app/" + name + "/" + random_hex(16));
  row.address = free_address(*c.db, *shape.LoadBalancerArn);
  shape.Scheme = in.Scheme.value_or("internet-facing");
  shape.DNSName =
      fmt::format("{}{}-{}.{}.elb.localhost", shape.Scheme == "internal" ? "internal-" : "",
                  to_lower(name), 100'000'000 + random_u64() % 1'900'000'000, c.region);
  shape.CanonicalHostedZoneId = "Z35SXDOTRQ7X7K";
  shape.CreatedTime = c.now;
  shape.LoadBalancerName = name;
  shape.VpcId = subnets[0].vpc_id;
  shape.State.emplace();
  shape.State->Code = "provisioning";
  shape.Type = "application";
  shape.IpAddressType = "ipv4";
  shape.SecurityGroups = chosen_groups(*c.db, subnets[0].vpc_id,
                                       in.SecurityGroups.value_or(std::vector<std::string>{}));
  return row;
}

}  // namespace

e::CreateLoadBalancerOutput create_load_balancer(Elb&, aws::Context& c,
                                                 const e::CreateLoadBalancerInput& in) {
  check_name(*in.Name);
  refuse_other_types(in);
  e::CreateLoadBalancerOutput out;
  if (const auto known = find_by_name(c, *in.Name)) {
    if (!(known->asked == in)) {
      throw e::DuplicateLoadBalancerNameException("A load balancer with the same name '" +
                                                  *in.Name +
                                                  "' exists, but with different settings");
    }
    out.LoadBalancers = {known->shape};
    return out;
  }
  const auto existing = load_balancers.scan(*c.db, c.arn("elasticloadbalancing", "loadbalancer/"));
  if (existing.size() >= 50) {
    throw e::TooManyLoadBalancersException("The maximum number of load balancers (50) is reached");
  }
  const auto subnets = chosen_subnets(*c.db, in.Subnets, in.SubnetMappings);
  LoadBalancerRow row = new_row(c, in, subnets);
  take_places(*c.db, c, row, subnets);
  load_balancers.put(*c.db, *row.shape.LoadBalancerArn, row);
  out.LoadBalancers = {row.shape};
  return out;
}

e::DescribeLoadBalancersOutput describe_load_balancers(Elb&, aws::Context& c,
                                                       const e::DescribeLoadBalancersInput& in) {
  std::vector<std::shared_ptr<const LoadBalancerRow>> rows;
  for (auto& arn : in.LoadBalancerArns.value_or(std::vector<std::string>{})) {
    rows.push_back(need_load_balancer(c, arn));
  }
  for (auto& name : in.Names.value_or(std::vector<std::string>{})) {
    rows.push_back(find_by_name(c, name));
    if (!rows.back()) {
      throw e::LoadBalancerNotFoundException("Load balancers '[" + name + "]' not found");
    }
  }
  if (!in.LoadBalancerArns && !in.Names) {
    rows = load_balancers.scan(*c.db, c.arn("elasticloadbalancing", "loadbalancer/"));
  }
  const auto page = aws::paginate(
      "elb.load_balancers", rows,
      [](const auto& row) -> const std::string& { return *row->shape.LoadBalancerArn; }, in.Marker,
      static_cast<size_t>(in.PageSize.value_or(400)));
  e::DescribeLoadBalancersOutput out;
  out.LoadBalancers.emplace();
  for (auto& row : page.items) out.LoadBalancers->push_back(row->shape);
  out.NextMarker = page.next;
  return out;
}

e::DeleteLoadBalancerOutput delete_load_balancer(Elb&, aws::Context& c,
                                                 const e::DeleteLoadBalancerInput& in) {
  const auto row = load_balancers.get(*c.db, *in.LoadBalancerArn);
  if (!row) {
    if (in.LoadBalancerArn->find(":loadbalancer/") == std::string::npos) {
      throw validation("'{}' is not a valid load balancer ARN", *in.LoadBalancerArn);
    }
    return {};  // already gone: fine, as on AWS
  }
  if (attribute(Holder::load_balancer, row->attributes, "deletion_protection.enabled") == "true") {
    throw e::OperationNotPermittedException("Load balancer '" + *in.LoadBalancerArn +
                                            "' cannot be deleted because deletion protection is "
                                            "enabled");
  }
  for (auto& listener : listeners.scan(*c.db, listeners_of(*in.LoadBalancerArn))) {
    for (auto& rule : rules.scan(*c.db, rules_of(*listener->shape.ListenerArn))) {
      erase_rule(*c.db, *rule);
    }
    listeners.erase(*c.db, *listener->shape.ListenerArn);
  }
  for (auto& id : row->interfaces) ec2::delete_interface(*c.db, id);
  load_balancers.erase(*c.db, *in.LoadBalancerArn);
  return {};
}

}  // namespace slipway::elb
