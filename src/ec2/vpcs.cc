// VPCs, their attributes, their default network ACL, DHCP options.
#include "ec2/cidr.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

e::Vpc shown(const aws::Context& c, const VpcRow& row) {
  e::Vpc out = row.shape;
  out.Tags = shown_tags(c, *out.VpcId);
  return out;
}

bool has_dependants(const aws::Context& c, const VpcRow& vpc) {
  const std::string id = *vpc.shape.VpcId;
  auto any = [&](const auto& table, auto counts) {
    for (const auto& row : table.scan(*c.db)) {
      if (row->shape.VpcId == id && counts(row->shape)) return true;
    }
    return false;
  };
  for (const auto& gateway : gateways.scan(*c.db)) {
    for (const auto& attachment : *gateway->shape.Attachments) {
      if (attachment.VpcId == id) return true;
    }
  }
  const auto all = [](const auto&) { return true; };
  return any(subnets, all) || any(interfaces, all) ||
         any(security_groups, [&](const auto& s) { return s.GroupId != vpc.default_group; }) ||
         any(route_tables, [&](const auto& s) { return s.RouteTableId != vpc.main_route_table; });
}

const ResourceKind<AclRow>& acl_kind() {
  static const ResourceKind<AclRow> kKind{
      acls,
      "networkAcl",
      "InvalidNetworkAclID.NotFound",
      [](const AclRow& row) { return row.shape.NetworkAclId.value_or(""); },
      {{"vpc-id", [](const AclRow& row) { return values(row.shape.VpcId); }},
       {"network-acl-id", [](const AclRow& row) { return values(row.shape.NetworkAclId); }},
       {"owner-id", [](const AclRow& row) { return values(row.shape.OwnerId); }},
       {"default", [](const AclRow& row) { return values(row.shape.IsDefault); }},
       {"association.subnet-id", [](const AclRow& row) {
          Values out;
          for (const auto& association :
               row.shape.Associations.value_or(std::vector<e::NetworkAclAssociation>{}))
            out.push_back(*association.SubnetId);
          return out;
        }}}};
  return kKind;
}

std::optional<e::AttributeBooleanValue> flag(bool value) {
  e::AttributeBooleanValue out;
  out.Value = value;
  return out;
}

}  // namespace

e::CreateVpcResult create_vpc(Ec2&, aws::Context& c, const e::CreateVpcRequest& in) {
  if (in.AmazonProvidedIpv6CidrBlock.value_or(false) || in.Ipv6CidrBlock || in.Ipv4IpamPoolId ||
      in.Ipv6IpamPoolId || in.Ipv6Pool) {
    throw error("UnsupportedOperation", "IPv6 and IPAM address pools are not supported by Slipway");
  }
  if (!in.CidrBlock)
    throw error("MissingParameter", "The request must contain the parameter CidrBlock");
  const auto cidr = parse_cidr(*in.CidrBlock);
  if (!cidr) {
    throw error("InvalidParameterValue",
                "Value ({}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
                *in.CidrBlock);
  }
  if (cidr->bits < 16 || cidr->bits > 28)
    throw error("InvalidVpc.Range", "The CIDR '{}' is invalid.", *in.CidrBlock);
  const VpcRow row = make_vpc(*c.db, c.account, c.region, cidr->text(), false);
  tag_new(c, "vpc", *row.shape.VpcId, in.TagSpecifications);
  e::CreateVpcResult out;
  out.Vpc = shown(c, row);
  return out;
}

e::CreateDefaultVpcResult create_default_vpc(Ec2&, aws::Context& c,
                                             const e::CreateDefaultVpcRequest&) {
  for (const auto& vpc : rows_of(c, vpcs)) {
    if (*vpc->shape.IsDefault) {
      throw error("DefaultVpcAlreadyExists",
                  "A Default VPC already exists for this account in this region.");
    }
  }
  e::CreateDefaultVpcResult out;
  out.Vpc = shown(c, *vpcs.get(*c.db, make_default_vpc(*c.db, c.account, c.region)));
  return out;
}

e::DeleteVpcResponse delete_vpc(Ec2&, aws::Context& c, const e::DeleteVpcRequest& in) {
  const auto vpc = need_vpc(c, *in.VpcId);
  if (has_dependants(c, *vpc)) {
    throw error("DependencyViolation", "The vpc '{}' has dependencies and cannot be deleted.",
                *in.VpcId);
  }
  for (const auto& rule : rules_of(*c.db, vpc->default_group)) {
    forget_tags(c, *rule->shape.SecurityGroupRuleId);
    rules.erase(*c.db, vpc->default_group + "/" + *rule->shape.SecurityGroupRuleId);
  }
  security_groups.erase(*c.db, vpc->default_group);
  route_tables.erase(*c.db, vpc->main_route_table);
  acls.erase(*c.db, vpc->network_acl);
  vpcs.erase(*c.db, *in.VpcId);
  for (const auto& id : {vpc->default_group, vpc->main_route_table, vpc->network_acl, *in.VpcId})
    forget_tags(c, id);
  return {};
}

e::DescribeVpcsResult describe_vpcs(Ec2&, aws::Context& c, const e::DescribeVpcsRequest& in) {
  static constexpr auto cidrs = [](const VpcRow& row) { return values(row.shape.CidrBlock); };
  static constexpr auto is_default = [](const VpcRow& row) { return values(row.shape.IsDefault); };
  static const ResourceKind<VpcRow> kKind{
      vpcs,
      "vpc",
      "InvalidVpcID.NotFound",
      [](const VpcRow& row) { return row.shape.VpcId.value_or(""); },
      {{"vpc-id", [](const VpcRow& row) { return values(row.shape.VpcId); }},
       {"cidr", cidrs},
       {"cidr-block", cidrs},
       {"cidrBlock", cidrs},
       {"cidr-block-association.cidr-block", cidrs},
       {"is-default", is_default},
       {"isDefault", is_default},
       {"state", [](const VpcRow& row) { return values(row.shape.State); }},
       {"owner-id", [](const VpcRow& row) { return values(row.shape.OwnerId); }},
       {"dhcp-options-id", [](const VpcRow& row) { return values(row.shape.DhcpOptionsId); }}}};
  e::DescribeVpcsResult out;
  out.Vpcs.emplace();
  for (const auto& row : select(c, kKind, in.VpcIds, in, out)) out.Vpcs->push_back(shown(c, *row));
  return out;
}

e::DescribeVpcAttributeResult describe_vpc_attribute(Ec2&, aws::Context& c,
                                                     const e::DescribeVpcAttributeRequest& in) {
  const auto vpc = need_vpc(c, *in.VpcId);
  e::DescribeVpcAttributeResult out;
  out.VpcId = *in.VpcId;
  if (*in.Attribute == "enableDnsSupport") {
    out.EnableDnsSupport = flag(vpc->dns_support);
  } else if (*in.Attribute == "enableDnsHostnames") {
    out.EnableDnsHostnames = flag(vpc->dns_hostnames);
  } else if (*in.Attribute == "enableNetworkAddressUsageMetrics") {
    out.EnableNetworkAddressUsageMetrics = flag(vpc->usage_metrics);
  } else {
    throw error("InvalidParameterValue", "Value ({}) for parameter attribute is invalid.",
                *in.Attribute);
  }
  return out;
}

e::ModifyVpcAttributeResponse modify_vpc_attribute(Ec2&, aws::Context& c,
                                                   const e::ModifyVpcAttributeRequest& in) {
  VpcRow row = *need_vpc(c, *in.VpcId);
  auto set = [](bool& into, const std::optional<e::AttributeBooleanValue>& value) {
    if (value && value->Value) into = *value->Value;
  };
  set(row.dns_support, in.EnableDnsSupport);
  set(row.dns_hostnames, in.EnableDnsHostnames);
  set(row.usage_metrics, in.EnableNetworkAddressUsageMetrics);
  vpcs.put(*c.db, *in.VpcId, row);
  return {};
}

e::DescribeNetworkAclsResult describe_network_acls(Ec2&, aws::Context& c,
                                                   const e::DescribeNetworkAclsRequest& in) {
  const auto& kKind = acl_kind();
  e::DescribeNetworkAclsResult out;
  out.NetworkAcls.emplace();
  auto request = in;
  // The associations are derived from the subnets, so a filter on them works on derived rows.
  std::optional<std::vector<e::Filter>> by_subnet;
  if (request.Filters) {
    std::erase_if(*request.Filters, [&](const e::Filter& filter) {
      if (filter.Name.value_or("") != "association.subnet-id") return false;
      if (!by_subnet) by_subnet.emplace();
      by_subnet->push_back(filter);
      return true;
    });
  }
  for (const auto& row : select(c, kKind, in.NetworkAclIds, request, out)) {
    AclRow full = *row;
    auto& list = full.shape.Associations.emplace();
    for (const auto& subnet : rows_of(c, subnets)) {
      if (subnet->shape.VpcId != full.shape.VpcId) continue;
      auto& association = list.emplace_back();
      association.SubnetId = subnet->shape.SubnetId;
      association.NetworkAclId = full.shape.NetworkAclId;
      association.NetworkAclAssociationId = subnet->acl_association;
    }
    if (!fits(c, kKind, full, by_subnet)) continue;
    full.shape.Tags = shown_tags(c, *full.shape.NetworkAclId);
    out.NetworkAcls->push_back(full.shape);
  }
  return out;
}

e::DescribeDhcpOptionsResult describe_dhcp_options(Ec2&, aws::Context& c,
                                                   const e::DescribeDhcpOptionsRequest& in) {
  static const ResourceKind<DhcpRow> kKind{
      dhcp_options,
      "dhcpOption",
      "InvalidDhcpOptionID.NotFound",
      [](const DhcpRow& row) { return row.shape.DhcpOptionsId.value_or(""); },
      {{"dhcp-options-id", [](const DhcpRow& row) { return values(row.shape.DhcpOptionsId); }},
       {"owner-id", [](const DhcpRow& row) { return values(row.shape.OwnerId); }}}};
  e::DescribeDhcpOptionsResult out;
  out.DhcpOptions.emplace();
  for (const auto& row : select(c, kKind, in.DhcpOptionsIds, in, out)) {
    out.DhcpOptions->push_back(row->shape);
    out.DhcpOptions->back().Tags = shown_tags(c, *row->shape.DhcpOptionsId);
  }
  return out;
}

}  // namespace slipway::ec2
