// Subnets.
#include "ec2/cidr.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

e::Subnet shown(const aws::Context& c, const SubnetRow& row) {
  e::Subnet out = row.shape;
  const auto taken = addresses.scan(*c.db, *out.SubnetId + "/").size();
  const auto cidr = parse_cidr(*out.CidrBlock).value();
  out.AvailableIpAddressCount = static_cast<int32_t>(cidr.size() - 5 - taken);
  out.Tags = shown_tags(c, *out.SubnetId);
  return out;
}

Zone zone_for(const aws::Context& c, const e::CreateSubnetRequest& in) {
  const auto zones = zones_of(c.region);
  if (!in.AvailabilityZone && !in.AvailabilityZoneId) return zones.front();
  for (const auto& zone : zones) {
    if (zone.name == in.AvailabilityZone || zone.id == in.AvailabilityZoneId) return zone;
  }
  throw error("InvalidParameterValue",
              "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be "
              "created in the following availability zones: {}, {}, {}.",
              in.AvailabilityZone ? *in.AvailabilityZone : *in.AvailabilityZoneId, zones[0].name,
              zones[1].name, zones[2].name);
}

Cidr free_block(const aws::Context& c, const VpcRow& vpc, const std::string& text) {
  const auto cidr = parse_cidr(text);
  if (!cidr) {
    throw error("InvalidParameterValue",
                "Value ({}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
                text);
  }
  const Cidr whole = parse_cidr(*vpc.shape.CidrBlock).value();
  if (cidr->bits < 16 || cidr->bits > 28 || !whole.contains(*cidr))
    throw error("InvalidSubnet.Range", "The CIDR '{}' is invalid.", text);
  for (const auto& other : rows_of(c, subnets)) {
    if (other->shape.VpcId == vpc.shape.VpcId &&
        parse_cidr(*other->shape.CidrBlock).value().overlaps(*cidr)) {
      throw error("InvalidSubnet.Conflict", "The CIDR '{}' conflicts with another subnet", text);
    }
  }
  return *cidr;
}

}  // namespace

e::CreateSubnetResult create_subnet(Ec2&, aws::Context& c, const e::CreateSubnetRequest& in) {
  const auto vpc = need_vpc(c, *in.VpcId);
  if (in.Ipv6CidrBlock || in.Ipv6Native.value_or(false) || in.OutpostArn || in.Ipv4IpamPoolId ||
      in.Ipv6IpamPoolId) {
    throw error("UnsupportedOperation",
                "IPv6, Outposts and IPAM address pools are not supported by Slipway");
  }
  if (!in.CidrBlock)
    throw error("MissingParameter", "The request must contain the parameter CidrBlock");
  const Zone zone = zone_for(c, in);
  const Cidr cidr = free_block(c, *vpc, *in.CidrBlock);
  const SubnetRow row =
      make_subnet(*c.db, c.account, c.region, *in.VpcId, cidr.text(), zone, false);
  tag_new(c, "subnet", *row.shape.SubnetId, in.TagSpecifications);
  e::CreateSubnetResult out;
  out.Subnet = shown(c, row);
  return out;
}

e::DeleteSubnetResponse delete_subnet(Ec2&, aws::Context& c, const e::DeleteSubnetRequest& in) {
  const std::string id = *in.SubnetId;
  need_subnet(c, id);
  if (!addresses.scan(*c.db, id + "/").empty()) {
    throw error("DependencyViolation", "The subnet '{}' has dependencies and cannot be deleted.",
                id);
  }
  for (const auto& table : rows_of(c, route_tables)) {
    RouteTableRow changed = *table;
    const auto removed = std::erase_if(*changed.shape.Associations,
                                       [&](const auto& entry) { return entry.SubnetId == id; });
    if (removed) route_tables.put(*c.db, *changed.shape.RouteTableId, changed);
  }
  subnets.erase(*c.db, id);
  forget_tags(c, id);
  return {};
}

e::DescribeSubnetsResult describe_subnets(Ec2&, aws::Context& c,
                                          const e::DescribeSubnetsRequest& in) {
  static constexpr auto cidr = [](const SubnetRow& row) { return values(row.shape.CidrBlock); };
  static constexpr auto zone = [](const SubnetRow& row) {
    return values(row.shape.AvailabilityZone);
  };
  static constexpr auto is_default = [](const SubnetRow& row) {
    return values(row.shape.DefaultForAz);
  };
  static const ResourceKind<SubnetRow> kKind{
      subnets,
      "subnet",
      "InvalidSubnetID.NotFound",
      [](const SubnetRow& row) { return row.shape.SubnetId.value_or(""); },
      {{"subnet-id", [](const SubnetRow& row) { return values(row.shape.SubnetId); }},
       {"vpc-id", [](const SubnetRow& row) { return values(row.shape.VpcId); }},
       {"cidr", cidr},
       {"cidr-block", cidr},
       {"cidrBlock", cidr},
       {"availability-zone", zone},
       {"availabilityZone", zone},
       {"availability-zone-id",
        [](const SubnetRow& row) { return values(row.shape.AvailabilityZoneId); }},
       {"default-for-az", is_default},
       {"defaultForAz", is_default},
       {"map-public-ip-on-launch",
        [](const SubnetRow& row) { return values(row.shape.MapPublicIpOnLaunch); }},
       {"ipv6-native", [](const SubnetRow& row) { return values(row.shape.Ipv6Native); }},
       {"owner-id", [](const SubnetRow& row) { return values(row.shape.OwnerId); }},
       {"state", [](const SubnetRow& row) { return values(row.shape.State); }},
       {"subnet-arn", [](const SubnetRow& row) { return values(row.shape.SubnetArn); }}}};
  e::DescribeSubnetsResult out;
  out.Subnets.emplace();
  for (const auto& row : select(c, kKind, in.SubnetIds, in, out))
    out.Subnets->push_back(shown(c, *row));
  return out;
}

e::ModifySubnetAttributeResponse modify_subnet_attribute(
    Ec2&, aws::Context& c, const e::ModifySubnetAttributeRequest& in) {
  SubnetRow row = *need_subnet(c, *in.SubnetId);
  auto wants = [](const std::optional<e::AttributeBooleanValue>& value) {
    return value && value->Value.value_or(false);
  };
  if (wants(in.AssignIpv6AddressOnCreation) || wants(in.EnableDns64) ||
      wants(in.MapCustomerOwnedIpOnLaunch) || in.EnableLniAtDeviceIndex ||
      in.CustomerOwnedIpv4Pool) {
    throw error("UnsupportedOperation",
                "IPv6 and Outposts attributes of subnets are not supported by Slipway");
  }
  if (in.MapPublicIpOnLaunch) row.shape.MapPublicIpOnLaunch = wants(in.MapPublicIpOnLaunch);
  auto& names = *row.shape.PrivateDnsNameOptionsOnLaunch;
  if (in.PrivateDnsHostnameTypeOnLaunch) names.HostnameType = in.PrivateDnsHostnameTypeOnLaunch;
  if (in.EnableResourceNameDnsARecordOnLaunch)
    names.EnableResourceNameDnsARecord = wants(in.EnableResourceNameDnsARecordOnLaunch);
  if (in.EnableResourceNameDnsAAAARecordOnLaunch)
    names.EnableResourceNameDnsAAAARecord = wants(in.EnableResourceNameDnsAAAARecordOnLaunch);
  subnets.put(*c.db, *in.SubnetId, row);
  return {};
}

}  // namespace slipway::ec2
