// Where a load balancer sits: subnets, security groups, interfaces, its own loopback address; and
// the calls that change them.
#include "elb/places.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "elb/handlers.h"

namespace slipway::elb {

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

namespace {

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

}  // namespace

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
