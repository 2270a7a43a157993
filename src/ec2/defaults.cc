// What exists before anybody made anything: the default VPC of a region and what a VPC is born
// with.
#include "base/ids.h"
#include "base/strings.h"
#include "ec2/cidr.h"
#include "ec2/model.h"
#include "ec2/network.h"

namespace slipway::ec2 {

std::string make_id(std::string_view prefix) {
  return fmt::format("{}-{}", prefix, random_hex(17));
}

namespace {

// eu-central-1 -> euc1, ap-southeast-2 -> apse2, us-gov-west-1 -> ugw1 (as AWS's zone ids).
std::string short_region(const std::string& region) {
  static const std::map<std::string, std::string> kDirections = {
      {"northeast", "ne"}, {"northwest", "nw"}, {"southeast", "se"}, {"southwest", "sw"}};
  const auto parts = split(region, '-');
  if (parts.size() < 3) return region;
  std::string out = parts.size() > 3 ? parts[0].substr(0, 1) : parts[0];
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const auto known = kDirections.find(parts[i]);
    out += known == kDirections.end() ? parts[i].substr(0, 1) : known->second;
  }
  return out + parts.back();
}

e::NetworkAclEntry acl_entry(int number, bool egress) {
  e::NetworkAclEntry out;
  out.RuleNumber = number;
  out.RuleAction = number == 32767 ? "deny" : "allow";
  out.Protocol = "-1";
  out.Egress = egress;
  out.CidrBlock = "0.0.0.0/0";
  return out;
}

std::string make_acl(store::Writer& db, const std::string& account, const VpcRow& vpc) {
  AclRow row{vpc.region, {}};
  row.shape.NetworkAclId = make_id("acl");
  row.shape.VpcId = vpc.shape.VpcId;
  row.shape.IsDefault = true;
  row.shape.OwnerId = account;
  row.shape.Entries.emplace();
  for (const bool egress : {true, false}) {
    for (const int number : {100, 32767}) row.shape.Entries->push_back(acl_entry(number, egress));
  }
  acls.put(db, *row.shape.NetworkAclId, row);
  return *row.shape.NetworkAclId;
}

std::string make_main_route_table(store::Writer& db, const std::string& account,
                                  const VpcRow& vpc) {
  RouteTableRow row{vpc.region, {}};
  row.shape.RouteTableId = make_id("rtb");
  row.shape.VpcId = vpc.shape.VpcId;
  row.shape.OwnerId = account;
  auto& local = row.shape.Routes.emplace().emplace_back();
  local.DestinationCidrBlock = vpc.shape.CidrBlock;
  local.GatewayId = "local";
  local.Origin = "CreateRouteTable";
  local.State = "active";
  auto& main = row.shape.Associations.emplace().emplace_back();
  main.Main = true;
  main.RouteTableAssociationId = make_id("rtbassoc");
  main.RouteTableId = row.shape.RouteTableId;
  main.AssociationState.emplace().State = "associated";
  route_tables.put(db, *row.shape.RouteTableId, row);
  return *row.shape.RouteTableId;
}

std::string make_default_group(store::Writer& db, const std::string& account, const VpcRow& vpc) {
  GroupRow row{vpc.region, {}};
  const std::string id = make_id("sg");
  row.shape.GroupId = id;
  row.shape.GroupName = "default";
  row.shape.Description = "default VPC security group";
  row.shape.VpcId = vpc.shape.VpcId;
  row.shape.OwnerId = account;
  row.shape.SecurityGroupArn =
      fmt::format("arn:aws:ec2:{}:{}:security-group/{}", vpc.region, account, id);
  security_groups.put(db, id, row);
  auto inside = make_rule(account, vpc.region, id, false);
  inside.ReferencedGroupInfo.emplace().GroupId = id;
  inside.ReferencedGroupInfo->UserId = account;
  put_rule(db, vpc.region, inside);
  auto outside = make_rule(account, vpc.region, id, true);
  outside.CidrIpv4 = "0.0.0.0/0";
  put_rule(db, vpc.region, outside);
  return id;
}

std::string dhcp_options_of(store::Writer& db, const std::string& account,
                            const std::string& region) {
  for (const auto& row : dhcp_options.scan(db)) {
    if (row->region == region) return *row->shape.DhcpOptionsId;
  }
  DhcpRow row{region, {}};
  row.shape.DhcpOptionsId = make_id("dopt");
  row.shape.OwnerId = account;
  auto& list = row.shape.DhcpConfigurations.emplace();
  auto add = [&](const char* key, const std::string& value) {
    auto& entry = list.emplace_back();
    entry.Key = key;
    entry.Values.emplace().emplace_back().Value = value;
  };
  add("domain-name",
      region == "us-east-1" ? "ec2.internal" : fmt::format("{}.compute.internal", region));
  add("domain-name-servers", "AmazonProvidedDNS");
  dhcp_options.put(db, *row.shape.DhcpOptionsId, row);
  return *row.shape.DhcpOptionsId;
}

}  // namespace

std::vector<Zone> zones_of(const std::string& region) {
  std::vector<Zone> out;
  for (int i = 0; i < 3; ++i) {
    out.push_back({fmt::format("{}{:c}", region, 'a' + i),
                   fmt::format("{}-az{}", short_region(region), i + 1)});
  }
  return out;
}

e::SecurityGroupRule make_rule(const std::string& account, const std::string& region,
                               const std::string& group_id, bool egress) {
  e::SecurityGroupRule rule;
  const std::string id = make_id("sgr");
  rule.SecurityGroupRuleId = id;
  rule.SecurityGroupRuleArn =
      fmt::format("arn:aws:ec2:{}:{}:security-group-rule/{}", region, account, id);
  rule.GroupId = group_id;
  rule.GroupOwnerId = account;
  rule.IsEgress = egress;
  rule.IpProtocol = "-1";
  rule.FromPort = -1;
  rule.ToPort = -1;
  return rule;
}

void put_rule(store::Writer& db, const std::string& region, const e::SecurityGroupRule& rule) {
  rules.put(db, *rule.GroupId + "/" + *rule.SecurityGroupRuleId, {region, rule});
}

std::vector<std::shared_ptr<const RuleRow>> rules_of(const store::Reader& db,
                                                     const std::string& group_id) {
  return rules.scan(db, group_id + "/");
}

VpcRow make_vpc(store::Writer& db, const std::string& account, const std::string& region,
                const std::string& cidr, bool is_default) {
  VpcRow row;
  row.region = region;
  row.dns_hostnames = is_default;
  auto& vpc = row.shape;
  vpc.VpcId = make_id("vpc");
  vpc.CidrBlock = cidr;
  vpc.State = "available";
  vpc.IsDefault = is_default;
  vpc.InstanceTenancy = "default";
  vpc.OwnerId = account;
  vpc.DhcpOptionsId = dhcp_options_of(db, account, region);
  auto& association = vpc.CidrBlockAssociationSet.emplace().emplace_back();
  association.AssociationId = make_id("vpc-cidr-assoc");
  association.CidrBlock = cidr;
  association.CidrBlockState.emplace().State = "associated";
  row.main_route_table = make_main_route_table(db, account, row);
  row.default_group = make_default_group(db, account, row);
  row.network_acl = make_acl(db, account, row);
  vpcs.put(db, *vpc.VpcId, row);
  return row;
}

SubnetRow make_subnet(store::Writer& db, const std::string& account, const std::string& region,
                      const std::string& vpc_id, const std::string& cidr, const Zone& zone,
                      bool is_default) {
  SubnetRow row;
  row.region = region;
  row.acl_association = make_id("aclassoc");
  auto& subnet = row.shape;
  subnet.SubnetId = make_id("subnet");
  subnet.SubnetArn = fmt::format("arn:aws:ec2:{}:{}:subnet/{}", region, account, *subnet.SubnetId);
  subnet.VpcId = vpc_id;
  subnet.CidrBlock = cidr;
  subnet.State = "available";
  subnet.AvailabilityZone = zone.name;
  subnet.AvailabilityZoneId = zone.id;
  subnet.DefaultForAz = is_default;
  subnet.MapPublicIpOnLaunch = is_default;
  subnet.MapCustomerOwnedIpOnLaunch = false;
  subnet.AssignIpv6AddressOnCreation = false;
  subnet.EnableDns64 = false;
  subnet.Ipv6Native = false;
  subnet.OwnerId = account;
  auto& names = subnet.PrivateDnsNameOptionsOnLaunch.emplace();
  names.HostnameType = "ip-name";
  names.EnableResourceNameDnsARecord = false;
  names.EnableResourceNameDnsAAAARecord = false;
  subnets.put(db, *subnet.SubnetId, row);
  return row;
}

std::string make_default_vpc(store::Writer& db, const std::string& account,
                             const std::string& region) {
  const VpcRow vpc = make_vpc(db, account, region, "172.31.0.0/16", true);
  const std::string id = *vpc.shape.VpcId;
  int third = 0;
  for (const Zone& zone : zones_of(region)) {
    make_subnet(db, account, region, id, fmt::format("172.31.{}.0/20", third), zone, true);
    third += 16;
  }
  GatewayRow gateway{region, {}};
  gateway.shape.InternetGatewayId = make_id("igw");
  gateway.shape.OwnerId = account;
  auto& attachment = gateway.shape.Attachments.emplace().emplace_back();
  attachment.State = "available";
  attachment.VpcId = id;
  gateways.put(db, *gateway.shape.InternetGatewayId, gateway);
  RouteTableRow main = *route_tables.get(db, vpc.main_route_table);
  auto& out = main.shape.Routes->emplace_back();
  out.DestinationCidrBlock = "0.0.0.0/0";
  out.GatewayId = gateway.shape.InternetGatewayId;
  out.Origin = "CreateRoute";
  out.State = "active";
  route_tables.put(db, vpc.main_route_table, main);
  return id;
}

void ensure_default_vpc(store::Writer& db, const std::string& account, const std::string& region) {
  if (regions.get(db, region)) return;
  make_default_vpc(db, account, region);
  regions.put(db, region, {account});
}

}  // namespace slipway::ec2
