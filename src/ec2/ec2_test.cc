// EC2's networking at its operation table.
#include <gtest/gtest.h>

#include "base/error.h"
#include "ec2/api.h"
#include "ec2/cidr.h"
#include "ec2/model.h"
#include "ec2/network.h"

namespace slipway::ec2 {
namespace {

constexpr const char* kAccount = "123456789012";
constexpr const char* kRegion = "eu-central-1";

class Ec2Test : public ::testing::Test {
 protected:
  template <class Tag>
  typename Tag::Output call(const typename Tag::Input& in = {}) {
    aws::Context c{*store_, nullptr, kAccount, region_, {}, {}, {}, {}, {}, {}};
    for (const auto& row : service_.operations) {
      if (row.name != Tag::name) continue;
      typename Tag::Output out;
      row.call(c, &in, &out);
      return out;
    }
    throw std::logic_error("no row: " + std::string(Tag::name));
  }
  template <class Tag>
  std::string refusal(const typename Tag::Input& in) {
    try {
      call<Tag>(in);
    } catch (const aws::ServiceError& e) {
      return e.code();
    }
    return "accepted";
  }
  e::Filter filter(const std::string& name, std::vector<std::string> values) {
    e::Filter out;
    out.Name = name;
    out.Values = std::move(values);
    return out;
  }
  std::string default_vpc() {
    e::DescribeVpcsRequest in;
    in.Filters = {filter("is-default", {"true"})};
    return *call<e::op::DescribeVpcs>(in).Vpcs->at(0).VpcId;
  }
  std::string make_group(const std::string& name) {
    e::CreateSecurityGroupRequest in;
    in.GroupName = name;
    in.Description = "for tests";
    in.VpcId = default_vpc();
    return *call<e::op::CreateSecurityGroup>(in).GroupId;
  }
  e::AuthorizeSecurityGroupIngressRequest open_port(const std::string& group, int port) {
    e::AuthorizeSecurityGroupIngressRequest in;
    in.GroupId = group;
    auto& permission = in.IpPermissions.emplace().emplace_back();
    permission.IpProtocol = "tcp";
    permission.FromPort = port;
    permission.ToPort = port;
    permission.IpRanges.emplace().emplace_back().CidrIp = "0.0.0.0/0";
    return in;
  }

  std::string region_ = kRegion;
  std::unique_ptr<store::Store> store_ = store::open_memory();
  Ec2 ec2_;
  aws::Service service_ = service(ec2_);
};

TEST(Cidr, ContainsAndOverlaps) {
  const auto vpc = parse_cidr("10.0.5.1/16").value();
  EXPECT_EQ(vpc.text(), "10.0.0.0/16");
  EXPECT_TRUE(vpc.contains(*parse_cidr("10.0.255.0/24")));
  EXPECT_FALSE(vpc.contains(*parse_cidr("10.1.0.0/24")));
  EXPECT_TRUE(parse_cidr("10.0.1.0/24")->overlaps(vpc));
  EXPECT_TRUE(parse_cidr("0.0.0.0/0")->contains(*parse_ipv4("255.255.255.255")));
  for (const char* bad : {"10.0.0.0", "10.0.0.0/33", "10.0.0/8", "", "a/8", "10.0.0.0/-1"})
    EXPECT_FALSE(parse_cidr(bad)) << bad;
}

TEST_F(Ec2Test, EachRegionHasADefaultVpcWithThreeZones) {
  const auto zones = call<e::op::DescribeAvailabilityZones>();
  ASSERT_EQ(zones.AvailabilityZones->size(), 3u);
  EXPECT_EQ(zones.AvailabilityZones->at(0).ZoneId, "euc1-az1");
  e::DescribeSubnetsRequest in;
  in.Filters = {filter("vpc-id", {default_vpc()}), filter("default-for-az", {"true"})};
  const auto subnets = call<e::op::DescribeSubnets>(in);
  ASSERT_EQ(subnets.Subnets->size(), 3u);
  std::set<std::string> found;
  for (const auto& subnet : *subnets.Subnets) {
    found.insert(*subnet.AvailabilityZone + " " + *subnet.CidrBlock);
    EXPECT_EQ(subnet.AvailableIpAddressCount, 4091);
  }
  EXPECT_EQ(found,
            (std::set<std::string>{"eu-central-1a 172.31.0.0/20", "eu-central-1b 172.31.16.0/20",
                                   "eu-central-1c 172.31.32.0/20"}));
  const std::string here = default_vpc();
  region_ = "us-east-1";
  EXPECT_NE(default_vpc(), here);
  region_ = kRegion;
  EXPECT_EQ(default_vpc(), here);
  EXPECT_EQ(call<e::op::DescribeInstances>().Reservations->size(), 0u);
}

TEST_F(Ec2Test, TheDefaultVpcHasItsFurniture) {
  const auto group = call<e::op::DescribeSecurityGroups>().SecurityGroups->at(0);
  EXPECT_EQ(group.GroupName, "default");
  EXPECT_EQ(group.IpPermissions->at(0).UserIdGroupPairs->at(0).GroupId, group.GroupId);
  EXPECT_EQ(group.IpPermissionsEgress->at(0).IpProtocol, "-1");
  EXPECT_FALSE(group.IpPermissionsEgress->at(0).FromPort);
  e::DescribeRouteTablesRequest main;
  main.Filters = {filter("association.main", {"true"}), filter("vpc-id", {default_vpc()})};
  const auto tables = call<e::op::DescribeRouteTables>(main);
  ASSERT_EQ(tables.RouteTables->size(), 1u);
  EXPECT_EQ(tables.RouteTables->at(0).Routes->size(), 2u);
  e::DescribeInternetGatewaysRequest gateway;
  gateway.Filters = {filter("attachment.vpc-id", {default_vpc()})};
  EXPECT_EQ(call<e::op::DescribeInternetGateways>(gateway).InternetGateways->size(), 1u);
  e::DescribeNetworkAclsRequest acl;
  acl.Filters = {filter("default", {"true"})};
  EXPECT_EQ(call<e::op::DescribeNetworkAcls>(acl).NetworkAcls->at(0).Associations->size(), 3u);
}

TEST_F(Ec2Test, FiltersReallyFilterAndUnknownOnesAreRefused) {
  e::DescribeSubnetsRequest in;
  in.Filters = {filter("availability-zone", {"eu-central-1[ab]", "eu-central-1?"})};
  EXPECT_EQ(call<e::op::DescribeSubnets>(in).Subnets->size(), 3u);
  in.Filters = {filter("availability-zone", {"eu-central-1a", "eu-central-1b"})};
  EXPECT_EQ(call<e::op::DescribeSubnets>(in).Subnets->size(), 2u);
  in.Filters = {filter("vpc-id", {"vpc-none"})};
  EXPECT_EQ(call<e::op::DescribeSubnets>(in).Subnets->size(), 0u);
  in.Filters = {filter("colour", {"red"})};
  EXPECT_EQ(refusal<e::op::DescribeSubnets>(in), "InvalidParameterValue");
  in.Filters.reset();
  in.SubnetIds = {"subnet-00000000000000000"};
  EXPECT_EQ(refusal<e::op::DescribeSubnets>(in), "InvalidSubnetID.NotFound");
}

TEST_F(Ec2Test, ANewGroupHasTheEgressRuleAndRulesAreObjects) {
  const std::string id = make_group("web");
  e::DescribeSecurityGroupRulesRequest by_group;
  by_group.Filters = {filter("group-id", {id})};
  auto rules = call<e::op::DescribeSecurityGroupRules>(by_group).SecurityGroupRules;
  ASSERT_EQ(rules->size(), 1u);
  EXPECT_TRUE(*rules->at(0).IsEgress);
  EXPECT_EQ(rules->at(0).FromPort, -1);
  EXPECT_EQ(rules->at(0).CidrIpv4, "0.0.0.0/0");

  auto in = open_port(id, 80);
  in.IpPermissions->at(0).IpRanges->at(0).Description = "the world";
  const auto made = call<e::op::AuthorizeSecurityGroupIngress>(in);
  ASSERT_EQ(made.SecurityGroupRules->size(), 1u);
  const std::string rule = *made.SecurityGroupRules->at(0).SecurityGroupRuleId;
  EXPECT_TRUE(rule.starts_with("sgr-"));
  EXPECT_EQ(refusal<e::op::AuthorizeSecurityGroupIngress>(in), "InvalidPermission.Duplicate");
  e::DescribeSecurityGroupRulesRequest by_id;
  by_id.SecurityGroupRuleIds = {rule};
  rules = call<e::op::DescribeSecurityGroupRules>(by_id).SecurityGroupRules;
  EXPECT_EQ(rules->at(0).Description, "the world");

  e::RevokeSecurityGroupIngressRequest revoke;
  revoke.GroupId = id;
  revoke.SecurityGroupRuleIds = {rule};
  EXPECT_EQ(call<e::op::RevokeSecurityGroupIngress>(revoke).RevokedSecurityGroupRules->size(), 1u);
  EXPECT_EQ(refusal<e::op::RevokeSecurityGroupIngress>(revoke),
            "InvalidSecurityGroupRuleId.NotFound");
}

TEST_F(Ec2Test, AGroupMayBeASourceAndThenCannotBeDeleted) {
  const std::string alb = make_group("alb");
  const std::string app = make_group("app");
  e::AuthorizeSecurityGroupIngressRequest in = open_port(app, 8080);
  in.IpPermissions->at(0).IpRanges.reset();
  auto& pair = in.IpPermissions->at(0).UserIdGroupPairs.emplace().emplace_back();
  pair.GroupId = alb;
  pair.Description = "from the load balancer";
  const auto made = call<e::op::AuthorizeSecurityGroupIngress>(in);
  EXPECT_EQ(made.SecurityGroupRules->at(0).ReferencedGroupInfo->GroupId, alb);
  EXPECT_EQ(made.SecurityGroupRules->at(0).Description, "from the load balancer");
  e::DeleteSecurityGroupRequest gone;
  gone.GroupId = alb;
  EXPECT_EQ(refusal<e::op::DeleteSecurityGroup>(gone), "DependencyViolation");
  e::RevokeSecurityGroupIngressRequest revoke;
  revoke.GroupId = app;
  revoke.IpPermissions = in.IpPermissions;
  call<e::op::RevokeSecurityGroupIngress>(revoke);
  call<e::op::DeleteSecurityGroup>(gone);
  EXPECT_EQ(refusal<e::op::DeleteSecurityGroup>(gone), "InvalidGroup.NotFound");
}

TEST_F(Ec2Test, BadRulesAreRefused) {
  const std::string id = make_group("web");
  auto refused = [&](auto edit) {
    auto in = open_port(id, 80);
    edit(in.IpPermissions->at(0));
    return refusal<e::op::AuthorizeSecurityGroupIngress>(in);
  };
  EXPECT_EQ(refused([](auto& p) { p.IpRanges->at(0).CidrIp = "10.0.0.0/40"; }),
            "InvalidParameterValue");
  EXPECT_EQ(refused([](auto& p) { p.ToPort = 70000; }), "InvalidParameterValue");
  EXPECT_EQ(refused([](auto& p) { p.FromPort.reset(); }), "InvalidParameterValue");
  EXPECT_EQ(refused([](auto& p) { p.IpProtocol = "http"; }), "InvalidPermission.Malformed");
  EXPECT_EQ(refused([](auto& p) { p.IpRanges.reset(); }), "MissingParameter");
}

TEST_F(Ec2Test, AVpcOfOnesOwnGoesThroughItsWholeLife) {
  e::CreateVpcRequest make;
  make.CidrBlock = "10.0.0.0/16";
  auto& tags = make.TagSpecifications.emplace().emplace_back();
  tags.ResourceType = "vpc";
  auto& tag = tags.Tags.emplace().emplace_back();
  tag.Key = "Name";
  tag.Value = "shop";
  const auto vpc = *call<e::op::CreateVpc>(make).Vpc;
  EXPECT_EQ(vpc.Tags->at(0).Value, "shop");
  e::DescribeVpcsRequest tagged;
  tagged.Filters = {filter("tag:Name", {"sh*"})};
  EXPECT_EQ(call<e::op::DescribeVpcs>(tagged).Vpcs->size(), 1u);

  e::CreateSubnetRequest subnet;
  subnet.VpcId = vpc.VpcId;
  subnet.CidrBlock = "10.0.1.0/24";
  subnet.AvailabilityZone = "eu-central-1b";
  const auto made = *call<e::op::CreateSubnet>(subnet).Subnet;
  EXPECT_EQ(made.AvailabilityZoneId, "euc1-az2");
  subnet.CidrBlock = "10.0.1.128/25";
  EXPECT_EQ(refusal<e::op::CreateSubnet>(subnet), "InvalidSubnet.Conflict");
  subnet.CidrBlock = "10.1.0.0/24";
  EXPECT_EQ(refusal<e::op::CreateSubnet>(subnet), "InvalidSubnet.Range");

  const auto gateway = *call<e::op::CreateInternetGateway>().InternetGateway;
  e::CreateRouteTableRequest table;
  table.VpcId = vpc.VpcId;
  const std::string table_id = *call<e::op::CreateRouteTable>(table).RouteTable->RouteTableId;
  e::CreateRouteRequest route;
  route.RouteTableId = table_id;
  route.DestinationCidrBlock = "0.0.0.0/0";
  route.GatewayId = gateway.InternetGatewayId;
  EXPECT_EQ(refusal<e::op::CreateRoute>(route), "InvalidParameterValue");  // not attached
  e::AttachInternetGatewayRequest attach;
  attach.InternetGatewayId = gateway.InternetGatewayId;
  attach.VpcId = vpc.VpcId;
  call<e::op::AttachInternetGateway>(attach);
  call<e::op::CreateRoute>(route);
  EXPECT_EQ(refusal<e::op::CreateRoute>(route), "RouteAlreadyExists");
  e::AssociateRouteTableRequest associate;
  associate.RouteTableId = table_id;
  associate.SubnetId = made.SubnetId;
  const auto association = call<e::op::AssociateRouteTable>(associate).AssociationId;
  EXPECT_EQ(refusal<e::op::AssociateRouteTable>(associate), "Resource.AlreadyAssociated");

  e::DeleteVpcRequest gone;
  gone.VpcId = vpc.VpcId;
  EXPECT_EQ(refusal<e::op::DeleteVpc>(gone), "DependencyViolation");
  e::DisassociateRouteTableRequest disassociate;
  disassociate.AssociationId = association;
  call<e::op::DisassociateRouteTable>(disassociate);
  e::DeleteRouteTableRequest no_table;
  no_table.RouteTableId = table_id;
  call<e::op::DeleteRouteTable>(no_table);
  e::DeleteSubnetRequest no_subnet;
  no_subnet.SubnetId = made.SubnetId;
  call<e::op::DeleteSubnet>(no_subnet);
  e::DetachInternetGatewayRequest detach;
  detach.InternetGatewayId = gateway.InternetGatewayId;
  detach.VpcId = vpc.VpcId;
  call<e::op::DetachInternetGateway>(detach);
  call<e::op::DeleteVpc>(gone);
  EXPECT_EQ(refusal<e::op::DeleteVpc>(gone), "InvalidVpcID.NotFound");
}

TEST_F(Ec2Test, VpcAttributesAreKept) {
  e::ModifyVpcAttributeRequest modify;
  modify.VpcId = default_vpc();
  modify.EnableDnsHostnames.emplace().Value = false;
  call<e::op::ModifyVpcAttribute>(modify);
  e::DescribeVpcAttributeRequest describe;
  describe.VpcId = modify.VpcId;
  describe.Attribute = "enableDnsHostnames";
  EXPECT_EQ(call<e::op::DescribeVpcAttribute>(describe).EnableDnsHostnames->Value, false);
  describe.Attribute = "enableDnsSupport";
  EXPECT_EQ(call<e::op::DescribeVpcAttribute>(describe).EnableDnsSupport->Value, true);
}

TEST_F(Ec2Test, ServicesGetInterfacesWithAddressesOfTheirOwn) {
  const std::string vpc = default_vpc();
  std::vector<Subnet> defaults;
  store_->read([&](const store::Reader& db) { defaults = default_subnets(db, kRegion); });
  ASSERT_EQ(defaults.size(), 3u);
  EXPECT_EQ(defaults[0].vpc_cidr, "172.31.0.0/16");
  std::vector<NetworkInterface> made;
  store_->write([&](store::Writer& db) {
    made.clear();
    for (int i = 0; i < 20; ++i)
      made.push_back(
          create_interface(db, kRegion, defaults[1].id, {}, "ELB app/x/1", "amazon-elb"));
  });
  std::set<std::string> ips;
  for (const auto& interface : made) ips.insert(interface.private_ip);
  EXPECT_EQ(ips.size(), 20u);
  const auto cidr = parse_cidr("172.31.16.0/20").value();
  for (const auto& ip : ips) EXPECT_TRUE(cidr.contains(*parse_ipv4(ip))) << ip;

  e::DescribeNetworkInterfacesRequest in;
  in.Filters = {filter("attachment.instance-owner-id", {"amazon-elb"}),
                filter("addresses.private-ip-address", {made[3].private_ip})};
  const auto found = call<e::op::DescribeNetworkInterfaces>(in);
  ASSERT_EQ(found.NetworkInterfaces->size(), 1u);
  EXPECT_EQ(found.NetworkInterfaces->at(0).NetworkInterfaceId, made[3].id);
  e::DeleteNetworkInterfaceRequest gone;
  gone.NetworkInterfaceId = made[3].id;
  EXPECT_EQ(refusal<e::op::DeleteNetworkInterface>(gone), "InvalidParameterValue");
  store_->write([&](store::Writer& db) {
    for (const auto& interface : made) delete_interface(db, interface.id);
    delete_interface(db, made[0].id);
  });
  in.Filters.reset();
  EXPECT_EQ(call<e::op::DescribeNetworkInterfaces>(in).NetworkInterfaces->size(), 0u);
}

TEST_F(Ec2Test, AFullSubnetRefusesAnotherInterface) {
  e::CreateSubnetRequest small;
  e::CreateVpcRequest vpc;
  vpc.CidrBlock = "10.0.0.0/16";
  small.VpcId = call<e::op::CreateVpc>(vpc).Vpc->VpcId;
  small.CidrBlock = "10.0.0.0/28";
  const std::string subnet = *call<e::op::CreateSubnet>(small).Subnet->SubnetId;
  auto take = [&] {
    store_->write([&](store::Writer& db) { create_interface(db, kRegion, subnet, {}, "", ""); });
  };
  for (int i = 0; i < 11; ++i) take();
  try {
    take();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), slipway::Kind::conflict);
  }
  e::DeleteSubnetRequest gone;
  gone.SubnetId = subnet;
  EXPECT_EQ(refusal<e::op::DeleteSubnet>(gone), "DependencyViolation");
}

TEST_F(Ec2Test, TagsAreAddedShownFilteredAndRemoved) {
  e::CreateTagsRequest add;
  add.Resources = {default_vpc()};
  auto& tag = add.Tags.emplace().emplace_back();
  tag.Key = "team";
  tag.Value = "shop";
  call<e::op::CreateTags>(add);
  e::DescribeTagsRequest in;
  in.Filters = {filter("resource-id", {default_vpc()})};
  auto found = call<e::op::DescribeTags>(in);
  ASSERT_EQ(found.Tags->size(), 1u);
  EXPECT_EQ(found.Tags->at(0).ResourceType, "vpc");
  e::DeleteTagsRequest remove;
  remove.Resources = add.Resources;
  remove.Tags = add.Tags;
  call<e::op::DeleteTags>(remove);
  EXPECT_EQ(call<e::op::DescribeTags>(in).Tags->size(), 0u);
  add.Resources = {"vpc-0123"};
  EXPECT_EQ(refusal<e::op::CreateTags>(add), "InvalidID");
}

TEST_F(Ec2Test, DescribePagesInOrder) {
  for (int i = 0; i < 7; ++i) make_group(fmt::format("g{}", i));
  e::DescribeSecurityGroupsRequest in;
  in.MaxResults = 5;
  auto page = call<e::op::DescribeSecurityGroups>(in);
  EXPECT_EQ(page.SecurityGroups->size(), 5u);
  ASSERT_TRUE(page.NextToken);
  in.NextToken = page.NextToken;
  page = call<e::op::DescribeSecurityGroups>(in);
  EXPECT_EQ(page.SecurityGroups->size(), 3u);
  EXPECT_FALSE(page.NextToken);
}

TEST_F(Ec2Test, DryRunChangesNothing) {
  e::CreateVpcRequest in;
  in.CidrBlock = "10.0.0.0/16";
  in.DryRun = true;
  EXPECT_EQ(refusal<e::op::CreateVpc>(in), "DryRunOperation");
  EXPECT_EQ(call<e::op::DescribeVpcs>().Vpcs->size(), 1u);
}

}  // namespace
}  // namespace slipway::ec2
