// The handlers of all EC2 operations, by file.
#pragma once
#include "ec2/model.h"

namespace slipway::ec2 {

// clang-format off
#define SLIPWAY_EC2(function, operation) \
  e::op::operation::Output function(Ec2&, aws::Context&, const e::op::operation::Input&);

// tags.cc
SLIPWAY_EC2(create_tags, CreateTags)
SLIPWAY_EC2(delete_tags, DeleteTags)
SLIPWAY_EC2(describe_tags, DescribeTags)
// vpcs.cc
SLIPWAY_EC2(create_vpc, CreateVpc)
SLIPWAY_EC2(create_default_vpc, CreateDefaultVpc)
SLIPWAY_EC2(delete_vpc, DeleteVpc)
SLIPWAY_EC2(describe_vpcs, DescribeVpcs)
SLIPWAY_EC2(describe_vpc_attribute, DescribeVpcAttribute)
SLIPWAY_EC2(modify_vpc_attribute, ModifyVpcAttribute)
SLIPWAY_EC2(describe_network_acls, DescribeNetworkAcls)
SLIPWAY_EC2(describe_dhcp_options, DescribeDhcpOptions)
// subnets.cc
SLIPWAY_EC2(create_subnet, CreateSubnet)
SLIPWAY_EC2(delete_subnet, DeleteSubnet)
SLIPWAY_EC2(describe_subnets, DescribeSubnets)
SLIPWAY_EC2(modify_subnet_attribute, ModifySubnetAttribute)
// gateways.cc
SLIPWAY_EC2(create_internet_gateway, CreateInternetGateway)
SLIPWAY_EC2(delete_internet_gateway, DeleteInternetGateway)
SLIPWAY_EC2(describe_internet_gateways, DescribeInternetGateways)
SLIPWAY_EC2(attach_internet_gateway, AttachInternetGateway)
SLIPWAY_EC2(detach_internet_gateway, DetachInternetGateway)
// routes.cc
SLIPWAY_EC2(create_route_table, CreateRouteTable)
SLIPWAY_EC2(delete_route_table, DeleteRouteTable)
SLIPWAY_EC2(describe_route_tables, DescribeRouteTables)
SLIPWAY_EC2(associate_route_table, AssociateRouteTable)
SLIPWAY_EC2(disassociate_route_table, DisassociateRouteTable)
SLIPWAY_EC2(replace_route_table_association, ReplaceRouteTableAssociation)
SLIPWAY_EC2(create_route, CreateRoute)
SLIPWAY_EC2(replace_route, ReplaceRoute)
SLIPWAY_EC2(delete_route, DeleteRoute)
// groups.cc
SLIPWAY_EC2(create_security_group, CreateSecurityGroup)
SLIPWAY_EC2(delete_security_group, DeleteSecurityGroup)
SLIPWAY_EC2(describe_security_groups, DescribeSecurityGroups)
SLIPWAY_EC2(describe_security_group_rules, DescribeSecurityGroupRules)
// rules.cc
SLIPWAY_EC2(authorize_ingress, AuthorizeSecurityGroupIngress)
SLIPWAY_EC2(authorize_egress, AuthorizeSecurityGroupEgress)
SLIPWAY_EC2(revoke_ingress, RevokeSecurityGroupIngress)
SLIPWAY_EC2(revoke_egress, RevokeSecurityGroupEgress)
SLIPWAY_EC2(modify_rules, ModifySecurityGroupRules)
SLIPWAY_EC2(update_descriptions_ingress, UpdateSecurityGroupRuleDescriptionsIngress)
SLIPWAY_EC2(update_descriptions_egress, UpdateSecurityGroupRuleDescriptionsEgress)
// interfaces.cc
SLIPWAY_EC2(create_network_interface, CreateNetworkInterface)
SLIPWAY_EC2(delete_network_interface, DeleteNetworkInterface)
SLIPWAY_EC2(describe_network_interfaces, DescribeNetworkInterfaces)
SLIPWAY_EC2(describe_network_interface_attribute, DescribeNetworkInterfaceAttribute)
SLIPWAY_EC2(modify_network_interface_attribute, ModifyNetworkInterfaceAttribute)
// places.cc
SLIPWAY_EC2(describe_availability_zones, DescribeAvailabilityZones)
SLIPWAY_EC2(describe_regions, DescribeRegions)
SLIPWAY_EC2(describe_account_attributes, DescribeAccountAttributes)
SLIPWAY_EC2(describe_instances, DescribeInstances)
SLIPWAY_EC2(describe_nat_gateways, DescribeNatGateways)
SLIPWAY_EC2(describe_vpc_endpoints, DescribeVpcEndpoints)
SLIPWAY_EC2(describe_addresses, DescribeAddresses)
#undef SLIPWAY_EC2
// clang-format on

}  // namespace slipway::ec2
