// Load balancers: their life and their places. The loop takes a new one from provisioning to
// active.
#include "aws/page.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "ec2/network.h"
#include "elb/attributes.h"
#include "elb/handlers.h"

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

// The subnets that were asked for, checked as AWS does for an application load balancer.
std::vector<ec2::Subnet> chosen_subnets(
    const store::Reader& db, const std::optional<std::vector<std::string>>& names,
    const std::optional<std::vector<e::SubnetMapping>>& mappings) {
  std::vector<std::string> ids = names.value_or(std::vector<std::string>{});
  if (!ids.empty() && mappings && !mappings->empty()) {
    throw validation("Specify either 'subnets' or 'subnet mappings', not both");
  }
  for (auto& mapping : mappings.value_or(std::vector<e::SubnetMapping>{})) {
    if (mapping.AllocationId) {
      throw e::InvalidConfigurationRequestException(
          "Elastic IP addresses are not supported for load balancers with type 'application'");
    }
    ids.push_back(mapping.SubnetId.value_or(""));
  }
  std::vector<ec2::Subnet> out;
  std::set<std::string> zones;
  for (auto& id : ids) {
    auto subnet = ec2::find_subnet(db, id);
    if (!subnet) throw e::SubnetNotFoundException("The subnet ID '" + id + "' is not valid");
    if (!out.empty() && out[0].vpc_id != subnet->vpc_id) {
      throw e::InvalidConfigurationRequestException("All subnets must belong to the same VPC: '" +
                                                    out[0].vpc_id + "'");
    }
    if (!zones.insert(subnet->availability_zone).second) {
      throw e::InvalidConfigurationRequestException(
          "A load balancer cannot be attached to multiple subnets in the same Availability Zone");
    }
    out.push_back(std::move(*subnet));
  }
  if (out.size() < 2) {
    throw validation("At least two subnets in two different Availability Zones must be specified");
  }
  return out;
}

std::vector<std::string> chosen_groups(const store::Reader& db, const std::string& vpc,
                                       const std::vector<std::string>& asked) {
  if (asked.empty()) return {ec2::default_security_group(db, vpc)};
  for (auto& group : asked) {
    if (!ec2::security_group_exists(db, group)) {
      throw e::InvalidSecurityGroupException("The security group ID '" + group + "' is not valid");
    }
  }
  return asked;
}

// An address of 127.64.0.0/10 that no other load balancer has. 127.0.0.0/9 is left to the host.
std::string free_address(const store::Reader& db, const std::string& arn) {
  std::set<std::string> taken;
  for (auto& row : load_balancers.scan(db)) taken.insert(row->address);
  const std::string digest = sha256_raw(arn);
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(digest[i]); };
  uint32_t number = (byte(0) << 16U | byte(1) << 8U | byte(2)) & 0x3fffffU;
  for (;; number = (number + 1) & 0x3fffffU) {
    const uint32_t last = number & 255U;
    if (last == 0 || last == 255) continue;
    auto address = fmt::format("127.{}.{}.{}", 64 + (number >> 16U), (number >> 8U) & 255U, last);
    if (!taken.contains(address)) return address;
  }
}

e::AvailabilityZone shown_zone(const ec2::Subnet& subnet) {
  e::AvailabilityZone zone;
  zone.ZoneName = subnet.availability_zone;
  zone.SubnetId = subnet.id;
  zone.LoadBalancerAddresses.emplace();
  return zone;
}

std::string interface_description(const std::string& arn) {
  return "ELB " + split_once(arn.substr(arn.rfind(':') + 1), '/').second;
}

// One interface in each subnet, as AWS has them.
void take_places(store::Writer& db, const aws::Context& c, LoadBalancerRow& row,
                 const std::vector<ec2::Subnet>& subnets) {
  for (auto& id : row.interfaces) ec2::delete_interface(db, id);
  row.interfaces.clear();
  row.shape.AvailabilityZones.emplace();
  for (auto& subnet : subnets) {
    try {
      const auto made =
          ec2::create_interface(db, c.region, subnet.id, *row.shape.SecurityGroups,
                                interface_description(*row.shape.LoadBalancerArn), "amazon-elb");
      row.interfaces.push_back(made.id);
    } catch (const Error& e) {
      if (e.kind() != Kind::conflict) throw;
      throw e::InvalidSubnetException("Not enough IP space available in " + subnet.id + ".");
    }
    row.shape.AvailabilityZones->push_back(shown_zone(subnet));
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

e::SetSecurityGroupsOutput set_security_groups(Elb&, aws::Context& c,
                                               const e::SetSecurityGroupsInput& in) {
  LoadBalancerRow row = *need_load_balancer(c, *in.LoadBalancerArn);
  if (in.SecurityGroups->empty()) throw validation("At least one security group is needed");
  row.shape.SecurityGroups = chosen_groups(*c.db, *row.shape.VpcId, *in.SecurityGroups);
  std::vector<ec2::Subnet> places;
  for (auto& zone : *row.shape.AvailabilityZones) {
    if (auto subnet = ec2::find_subnet(*c.db, *zone.SubnetId)) places.push_back(*subnet);
  }
  take_places(*c.db, c, row, places);
  load_balancers.put(*c.db, *in.LoadBalancerArn, row);
  e::SetSecurityGroupsOutput out;
  out.SecurityGroupIds = row.shape.SecurityGroups;
  return out;
}

e::SetSubnetsOutput set_subnets(Elb&, aws::Context& c, const e::SetSubnetsInput& in) {
  LoadBalancerRow row = *need_load_balancer(c, *in.LoadBalancerArn);
  const auto subnets = chosen_subnets(*c.db, in.Subnets, in.SubnetMappings);
  if (subnets[0].vpc_id != *row.shape.VpcId) {
    throw e::InvalidConfigurationRequestException("The subnets must belong to the VPC '" +
                                                  *row.shape.VpcId + "'");
  }
  take_places(*c.db, c, row, subnets);
  load_balancers.put(*c.db, *in.LoadBalancerArn, row);
  e::SetSubnetsOutput out;
  out.AvailabilityZones = row.shape.AvailabilityZones;
  out.IpAddressType = row.shape.IpAddressType;
  return out;
}

e::SetIpAddressTypeOutput set_ip_address_type(Elb&, aws::Context& c,
                                              const e::SetIpAddressTypeInput& in) {
  need_load_balancer(c, *in.LoadBalancerArn);
  if (*in.IpAddressType != "ipv4") {
    throw validation("The IP address type '{}' is not supported by Slipway yet: use 'ipv4'",
                     *in.IpAddressType);
  }
  e::SetIpAddressTypeOutput out;
  out.IpAddressType = in.IpAddressType;
  return out;
}

}  // namespace slipway::elb
