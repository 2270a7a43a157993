// EC2's operation table, and what happens before each handler: DryRun, and the region's default
// VPC.
#include "ec2/api.h"

#include "base/error.h"
#include "base/stop.h"
#include "ec2/handlers.h"
#include "ec2/network.h"

namespace slipway::ec2 {

namespace {

// A snapshot in the place of the transaction that handlers expect.
class ReadOnly final : public store::Writer {
 public:
  explicit ReadOnly(const store::Reader& db) : db_(db) {}
  std::optional<store::Row> get(std::string_view table, std::string_view key) const override {
    return db_.get(table, key);
  }
  std::vector<store::Row> scan(std::string_view table, std::string_view prefix,
                               std::string_view after, size_t limit) const override {
    return db_.scan(table, prefix, after, limit);
  }
  void put(std::string_view, std::string_view, std::string) override { refuse(); }
  void put_if(std::string_view, std::string_view, std::string, uint64_t) override { refuse(); }
  bool erase(std::string_view, std::string_view) override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw internal("ec2: a describe call wrote"); }
  const store::Reader& db_;
};

// A region gets its default VPC when it is first used, whatever the call.
void prepare_region(aws::Context& c) {
  bool known = false;
  c.store.read([&](const store::Reader& db) { known = regions.get(db, c.region) != nullptr; });
  if (!known)
    c.store.write([&](store::Writer& db) { ensure_default_vpc(db, c.account, c.region); });
}

template <class Tag, class Fn>
aws::Operation row(Ec2& self, Fn fn) {
  using In = typename Tag::Input;
  using Out = typename Tag::Output;
  // Its own transactions, since even a read may have to make the default VPC first.
  return aws::op<Tag>(self,
                      [fn](Ec2& ec2, aws::Context& c, const In& in) -> Out {
                        if constexpr (requires { in.DryRun; }) {
                          if (in.DryRun.value_or(false)) {
                            throw aws::ServiceError(
                                "DryRunOperation", 412,
                                "Request would have succeeded, but DryRun flag is set.");
                          }
                        }
                        prepare_region(c);
                        Out out;
                        auto run = [&](store::Writer& db) {
                          c.db = &db;
                          const Finally leave([&] { c.db = nullptr; });
                          out = fn(ec2, c, in);
                        };
                        if constexpr (Tag::name.starts_with("Describe")) {
                          c.store.read([&](const store::Reader& db) {
                            ReadOnly view(db);
                            run(view);
                          });
                        } else {
                          c.store.write(run);
                        }
                        return out;
                      },
                      {.transaction = aws::Transaction::none});
}

std::vector<aws::Operation> network_rows(Ec2& self) {
  namespace op = e::op;
  return {
      row<op::CreateTags>(self, create_tags),
      row<op::DeleteTags>(self, delete_tags),
      row<op::DescribeTags>(self, describe_tags),
      row<op::CreateVpc>(self, create_vpc),
      row<op::CreateDefaultVpc>(self, create_default_vpc),
      row<op::DeleteVpc>(self, delete_vpc),
      row<op::DescribeVpcs>(self, describe_vpcs),
      row<op::DescribeVpcAttribute>(self, describe_vpc_attribute),
      row<op::ModifyVpcAttribute>(self, modify_vpc_attribute),
      row<op::DescribeNetworkAcls>(self, describe_network_acls),
      row<op::DescribeDhcpOptions>(self, describe_dhcp_options),
      row<op::CreateSubnet>(self, create_subnet),
      row<op::DeleteSubnet>(self, delete_subnet),
      row<op::DescribeSubnets>(self, describe_subnets),
      row<op::ModifySubnetAttribute>(self, modify_subnet_attribute),
      row<op::CreateInternetGateway>(self, create_internet_gateway),
      row<op::DeleteInternetGateway>(self, delete_internet_gateway),
      row<op::DescribeInternetGateways>(self, describe_internet_gateways),
      row<op::AttachInternetGateway>(self, attach_internet_gateway),
      row<op::DetachInternetGateway>(self, detach_internet_gateway),
      row<op::CreateRouteTable>(self, create_route_table),
      row<op::DeleteRouteTable>(self, delete_route_table),
      row<op::DescribeRouteTables>(self, describe_route_tables),
      row<op::AssociateRouteTable>(self, associate_route_table),
      row<op::DisassociateRouteTable>(self, disassociate_route_table),
      row<op::ReplaceRouteTableAssociation>(self, replace_route_table_association),
      row<op::CreateRoute>(self, create_route),
      row<op::ReplaceRoute>(self, replace_route),
      row<op::DeleteRoute>(self, delete_route),
  };
}

std::vector<aws::Operation> group_rows(Ec2& self) {
  namespace op = e::op;
  return {
      row<op::CreateSecurityGroup>(self, create_security_group),
      row<op::DeleteSecurityGroup>(self, delete_security_group),
      row<op::DescribeSecurityGroups>(self, describe_security_groups),
      row<op::DescribeSecurityGroupRules>(self, describe_security_group_rules),
      row<op::AuthorizeSecurityGroupIngress>(self, authorize_ingress),
      row<op::AuthorizeSecurityGroupEgress>(self, authorize_egress),
      row<op::RevokeSecurityGroupIngress>(self, revoke_ingress),
      row<op::RevokeSecurityGroupEgress>(self, revoke_egress),
      row<op::ModifySecurityGroupRules>(self, modify_rules),
      row<op::UpdateSecurityGroupRuleDescriptionsIngress>(self, update_descriptions_ingress),
      row<op::UpdateSecurityGroupRuleDescriptionsEgress>(self, update_descriptions_egress),
      row<op::CreateNetworkInterface>(self, create_network_interface),
      row<op::DeleteNetworkInterface>(self, delete_network_interface),
      row<op::DescribeNetworkInterfaces>(self, describe_network_interfaces),
      row<op::DescribeNetworkInterfaceAttribute>(self, describe_network_interface_attribute),
      row<op::ModifyNetworkInterfaceAttribute>(self, modify_network_interface_attribute),
      row<op::DescribeAvailabilityZones>(self, describe_availability_zones),
      row<op::DescribeRegions>(self, describe_regions),
      row<op::DescribeAccountAttributes>(self, describe_account_attributes),
      row<op::DescribeInstances>(self, describe_instances),
      row<op::DescribeNatGateways>(self, describe_nat_gateways),
      row<op::DescribeVpcEndpoints>(self, describe_vpc_endpoints),
      row<op::DescribeAddresses>(self, describe_addresses),
  };
}

}  // namespace

aws::Service service(Ec2& self) {
  auto rows = network_rows(self);
  for (auto& row : group_rows(self)) rows.push_back(std::move(row));
  return {"ec2", std::move(rows)};
}

}  // namespace slipway::ec2
