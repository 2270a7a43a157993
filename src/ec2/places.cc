// Regions, zones, account attributes; and what can be asked for but never exists here (instances,
// NAT gateways, endpoints, elastic addresses): an empty answer is the true one.
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

constexpr std::string_view kRegions[] = {
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1",   "eu-central-1",   "eu-north-1", "eu-west-1",
    "eu-west-2",      "eu-west-3",      "sa-east-1",      "us-east-1",  "us-east-2",
    "us-west-1",      "us-west-2"};

template <typename In, typename Field>
bool passes(const In& in, Field field) {
  if (!in.Filters) return true;
  for (const auto& filter : *in.Filters) {
    const std::optional<Values> found = field(filter.Name.value_or(""));
    if (!found)
      throw error("InvalidParameterValue", "The filter '{}' is invalid", filter.Name.value_or(""));
    if (!match_values(*found, filter)) return false;
  }
  return true;
}

bool asked(const std::optional<std::vector<std::string>>& names, const std::string& name) {
  return !names || names->empty() || std::find(names->begin(), names->end(), name) != names->end();
}

void refuse_ids(const std::optional<std::vector<std::string>>& ids, std::string_view code,
                std::string_view what) {
  if (ids && !ids->empty()) throw error(code, "The {} '{}' does not exist", what, ids->front());
}

}  // namespace

e::DescribeAvailabilityZonesResult describe_availability_zones(
    Ec2&, aws::Context& c, const e::DescribeAvailabilityZonesRequest& in) {
  e::DescribeAvailabilityZonesResult out;
  out.AvailabilityZones.emplace();
  size_t known = 0;
  for (const Zone& zone : zones_of(c.region)) {
    if (!asked(in.ZoneNames, zone.name) || !asked(in.ZoneIds, zone.id)) continue;
    ++known;
    auto field = [&](const std::string& name) -> std::optional<Values> {
      if (name == "zone-name") return Values{zone.name};
      if (name == "zone-id") return Values{zone.id};
      if (name == "region-name") return Values{c.region};
      if (name == "state") return Values{"available"};
      if (name == "opt-in-status") return Values{"opt-in-not-required"};
      if (name == "zone-type") return Values{"availability-zone"};
      if (name == "group-name" || name == "group-long-name") return Values{c.region + "-zg-1"};
      if (name == "parent-zone-id" || name == "parent-zone-name" || name == "message")
        return Values{};
      return std::nullopt;
    };
    if (!passes(in, field)) continue;
    auto& entry = out.AvailabilityZones->emplace_back();
    entry.ZoneName = zone.name;
    entry.ZoneId = zone.id;
    entry.RegionName = c.region;
    entry.State = "available";
    entry.OptInStatus = "opt-in-not-required";
    entry.ZoneType = "availability-zone";
    entry.GroupName = c.region + "-zg-1";
    entry.NetworkBorderGroup = c.region;
    entry.Messages.emplace();
  }
  if (in.ZoneNames && known < in.ZoneNames->size())
    throw error("InvalidParameterValue", "Invalid availability zone: [{}]", in.ZoneNames->front());
  return out;
}

e::DescribeRegionsResult describe_regions(Ec2&, aws::Context&,
                                          const e::DescribeRegionsRequest& in) {
  e::DescribeRegionsResult out;
  out.Regions.emplace();
  for (const std::string_view region : kRegions) {
    const std::string name(region);
    const std::string endpoint = fmt::format("ec2.{}.amazonaws.com", name);
    auto field = [&](const std::string& filter) -> std::optional<Values> {
      if (filter == "region-name") return Values{name};
      if (filter == "endpoint") return Values{endpoint};
      if (filter == "opt-in-status") return Values{"opt-in-not-required"};
      return std::nullopt;
    };
    if (!asked(in.RegionNames, name) || !passes(in, field)) continue;
    auto& entry = out.Regions->emplace_back();
    entry.RegionName = name;
    entry.Endpoint = endpoint;
    entry.OptInStatus = "opt-in-not-required";
  }
  if (in.RegionNames) {
    for (const auto& name : *in.RegionNames) {
      if (std::find(std::begin(kRegions), std::end(kRegions), name) == std::end(kRegions))
        throw error("InvalidParameterValue", "Invalid region name: {}", name);
    }
  }
  return out;
}

e::DescribeAccountAttributesResult describe_account_attributes(
    Ec2&, aws::Context& c, const e::DescribeAccountAttributesRequest& in) {
  std::string default_vpc = "none";
  for (const auto& vpc : rows_of(c, vpcs)) {
    if (*vpc->shape.IsDefault) default_vpc = *vpc->shape.VpcId;
  }
  e::DescribeAccountAttributesResult out;
  out.AccountAttributes.emplace();
  auto add = [&](const char* name, const std::string& value) {
    if (!asked(in.AttributeNames, name)) return;
    auto& entry = out.AccountAttributes->emplace_back();
    entry.AttributeName = name;
    entry.AttributeValues.emplace().emplace_back().AttributeValue = value;
  };
  add("supported-platforms", "VPC");
  add("default-vpc", default_vpc);
  add("vpc-max-security-groups-per-interface", "5");
  add("max-instances", "0");
  add("max-elastic-ips", "0");
  add("vpc-max-elastic-ips", "0");
  return out;
}

e::DescribeInstancesResult describe_instances(Ec2&, aws::Context&,
                                              const e::DescribeInstancesRequest& in) {
  refuse_ids(in.InstanceIds, "InvalidInstanceID.NotFound", "instance ID");
  e::DescribeInstancesResult out;
  out.Reservations.emplace();
  return out;
}

e::DescribeNatGatewaysResult describe_nat_gateways(Ec2&, aws::Context&,
                                                   const e::DescribeNatGatewaysRequest& in) {
  refuse_ids(in.NatGatewayIds, "NatGatewayNotFound", "NAT gateway");
  e::DescribeNatGatewaysResult out;
  out.NatGateways.emplace();
  return out;
}

e::DescribeVpcEndpointsResult describe_vpc_endpoints(Ec2&, aws::Context&,
                                                     const e::DescribeVpcEndpointsRequest& in) {
  refuse_ids(in.VpcEndpointIds, "InvalidVpcEndpointId.NotFound", "VPC endpoint");
  e::DescribeVpcEndpointsResult out;
  out.VpcEndpoints.emplace();
  return out;
}

e::DescribeAddressesResult describe_addresses(Ec2&, aws::Context&,
                                              const e::DescribeAddressesRequest& in) {
  refuse_ids(in.AllocationIds, "InvalidAllocationID.NotFound", "allocation ID");
  refuse_ids(in.PublicIps, "InvalidAddress.NotFound", "address");
  e::DescribeAddressesResult out;
  out.Addresses.emplace();
  return out;
}

}  // namespace slipway::ec2
