// EC2's rows: the shapes as they are answered, and what else must be remembered. Tags are in a
// table of their own (tags.h) and filled in when a shape is answered.
#pragma once
#include "aws/gen/ec2.h"
#include "aws/op.h"
#include "ec2/api.h"
#include "store/table.h"

namespace slipway::ec2 {

namespace e = aws::ec2;

struct VpcRow {
  std::string region;
  e::Vpc shape;
  bool dns_support = true;
  bool dns_hostnames = false;
  bool usage_metrics = false;
  std::string main_route_table, default_group, network_acl;
};
struct SubnetRow {
  std::string region;
  e::Subnet shape;
  std::string acl_association;
};
struct GroupRow {
  std::string region;
  e::SecurityGroup shape;
};
struct RuleRow {
  std::string region;
  e::SecurityGroupRule shape;
};
struct RouteTableRow {
  std::string region;
  e::RouteTable shape;
};
struct GatewayRow {
  std::string region;
  e::InternetGateway shape;
};
struct AclRow {
  std::string region;
  e::NetworkAcl shape;
};
struct InterfaceRow {
  std::string region;
  e::NetworkInterface shape;
};
struct DhcpRow {
  std::string region;
  e::DhcpOptions shape;
};
// A region whose default VPC was made once (it may have been deleted since).
struct RegionRow {
  std::string account;
};
struct TagRow {
  std::string region, resource, type, key, value;
};
// Key: "<subnet id>/<address>".
struct AddressRow {
  std::string interface_id;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(VpcRow, region, shape, dns_support, dns_hostnames,
                                                usage_metrics, main_route_table, default_group,
                                                network_acl)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SubnetRow, region, shape, acl_association)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GroupRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RuleRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RouteTableRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GatewayRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AclRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(InterfaceRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DhcpRow, region, shape)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RegionRow, account)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TagRow, region, resource, type, key, value)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AddressRow, interface_id)

inline constexpr store::Table<VpcRow> vpcs("ec2_vpcs");
inline constexpr store::Table<SubnetRow> subnets("ec2_subnets");
inline constexpr store::Table<GroupRow> security_groups("ec2_security_groups");
inline constexpr store::Table<RuleRow> rules("ec2_rules");  // key: "<group id>/<rule id>"
inline constexpr store::Table<RouteTableRow> route_tables("ec2_route_tables");
inline constexpr store::Table<GatewayRow> gateways("ec2_internet_gateways");
inline constexpr store::Table<AclRow> acls("ec2_network_acls");
inline constexpr store::Table<InterfaceRow> interfaces("ec2_interfaces");
inline constexpr store::Table<DhcpRow> dhcp_options("ec2_dhcp_options");
inline constexpr store::Table<RegionRow> regions("ec2_regions");
inline constexpr store::Table<TagRow> tags("ec2_tags");  // key: "<resource id>/<tag key>"
inline constexpr store::Table<AddressRow> addresses("ec2_addresses");

// "vpc" -> "vpc-0123456789abcdef0"
std::string make_id(std::string_view prefix);

template <typename... Args>
aws::ServiceError error(std::string_view code, fmt::format_string<Args...> format, Args&&... args) {
  return {std::string(code), 400, fmt::format(format, std::forward<Args>(args)...)};
}

// A row of the caller's region. Throws <code>: The <what> ID '<id>' does not exist.
template <typename Row>
std::shared_ptr<const Row> need(const aws::Context& c, const store::Table<Row>& table,
                                const std::string& id, std::string_view what,
                                std::string_view code) {
  auto row = table.get(*c.db, id);
  if (!row || row->region != c.region) throw error(code, "The {} ID '{}' does not exist", what, id);
  return row;
}
inline auto need_vpc(const aws::Context& c, const std::string& id) {
  return need(c, vpcs, id, "vpc", "InvalidVpcID.NotFound");
}
inline auto need_subnet(const aws::Context& c, const std::string& id) {
  return need(c, subnets, id, "subnet", "InvalidSubnetID.NotFound");
}
inline auto need_group(const aws::Context& c, const std::string& id) {
  auto row = security_groups.get(*c.db, id);
  if (!row || row->region != c.region)
    throw error("InvalidGroup.NotFound", "The security group '{}' does not exist", id);
  return row;
}
inline auto need_route_table(const aws::Context& c, const std::string& id) {
  return need(c, route_tables, id, "routeTable", "InvalidRouteTableID.NotFound");
}
inline auto need_gateway(const aws::Context& c, const std::string& id) {
  return need(c, gateways, id, "internetGateway", "InvalidInternetGatewayID.NotFound");
}
inline auto need_interface(const aws::Context& c, const std::string& id) {
  return need(c, interfaces, id, "networkInterface", "InvalidNetworkInterfaceID.NotFound");
}

// The rows of the caller's region that fit.
template <typename Row>
std::vector<std::shared_ptr<const Row>> rows_of(
    const aws::Context& c, const store::Table<Row>& table,
    const std::function<bool(const Row&)>& fits = [](const Row&) { return true; }) {
  std::vector<std::shared_ptr<const Row>> out;
  for (auto& row : table.scan(*c.db)) {
    if (row->region == c.region && fits(*row)) out.push_back(std::move(row));
  }
  return out;
}

// Zones of a region: "eu-central-1a" with its id "euc1-az1".
struct Zone {
  std::string name, id;
};
std::vector<Zone> zones_of(const std::string& region);

// Puts a new VPC and what it is born with: main route table, default group, network ACL.
VpcRow make_vpc(store::Writer& db, const std::string& account, const std::string& region,
                const std::string& cidr, bool is_default);
SubnetRow make_subnet(store::Writer& db, const std::string& account, const std::string& region,
                      const std::string& vpc_id, const std::string& cidr, const Zone& zone,
                      bool is_default);
// The default VPC with subnets and gateway; the marker is the caller's.
std::string make_default_vpc(store::Writer& db, const std::string& account,
                             const std::string& region);
e::SecurityGroupRule make_rule(const std::string& account, const std::string& region,
                               const std::string& group_id, bool egress);
void put_rule(store::Writer& db, const std::string& region, const e::SecurityGroupRule& rule);
std::vector<std::shared_ptr<const RuleRow>> rules_of(const store::Reader& db,
                                                     const std::string& group_id);

}  // namespace slipway::ec2
