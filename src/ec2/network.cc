// Network interfaces and look-ups for ECS and load balancers.
#include "ec2/network.h"

#include "base/error.h"
#include "base/ids.h"
#include "ec2/cidr.h"
#include "ec2/model.h"

namespace slipway::ec2 {

namespace {

constexpr const char* kLoadBalancers = "amazon-elb";

Subnet published(const store::Reader& db, const SubnetRow& row) {
  Subnet out{*row.shape.SubnetId, *row.shape.VpcId, *row.shape.CidrBlock, "",
             *row.shape.AvailabilityZone};
  if (const auto vpc = vpcs.get(db, out.vpc_id)) out.vpc_cidr = *vpc->shape.CidrBlock;
  return out;
}

// A free address: EC2 keeps the first four and the last one for itself. Starts anywhere, so that an
// address that was just given back is not the next one given out.
std::string free_address(const store::Reader& db, const std::string& subnet_id, const Cidr& cidr) {
  const uint64_t usable = cidr.size() - 5;
  const uint64_t start = random_u64() % usable;
  for (uint64_t i = 0; i < usable; ++i) {
    const auto offset = static_cast<uint32_t>(4 + (start + i) % usable);
    std::string address = format_ipv4(cidr.base + offset);
    if (!addresses.get(db, subnet_id + "/" + address)) return address;
  }
  throw conflict("subnet {} ({}) has no free address left", subnet_id, cidr.text());
}

std::string dns_name(std::string address, const std::string& region) {
  std::replace(address.begin(), address.end(), '.', '-');
  if (region == "us-east-1") return fmt::format("ip-{}.ec2.internal", address);
  return fmt::format("ip-{}.{}.compute.internal", address, region);
}

e::NetworkInterfaceAttachment attachment_for(const std::string& owner, const std::string& account) {
  e::NetworkInterfaceAttachment out;
  out.AttachmentId = make_id(owner == kLoadBalancers ? "ela-attach" : "eni-attach");
  out.DeviceIndex = 1;
  out.NetworkCardIndex = 0;
  out.DeleteOnTermination = false;
  out.Status = "attached";
  out.InstanceOwnerId = owner == kLoadBalancers ? owner : account;
  out.AttachTime = SystemClock().now();
  return out;
}

}  // namespace

std::optional<Subnet> find_subnet(const store::Reader& db, const std::string& subnet_id) {
  const auto row = subnets.get(db, subnet_id);
  if (!row) return std::nullopt;
  return published(db, *row);
}

std::vector<Subnet> default_subnets(const store::Reader& db, const std::string& region) {
  std::vector<Subnet> out;
  for (const auto& row : subnets.scan(db)) {
    if (row->region == region && row->shape.DefaultForAz.value_or(false))
      out.push_back(published(db, *row));
  }
  std::sort(out.begin(), out.end(), [](const Subnet& a, const Subnet& b) {
    return a.availability_zone < b.availability_zone;
  });
  return out;
}

bool security_group_exists(const store::Reader& db, const std::string& group_id) {
  return security_groups.get(db, group_id) != nullptr;
}

std::string default_security_group(const store::Reader& db, const std::string& vpc_id) {
  const auto vpc = vpcs.get(db, vpc_id);
  if (!vpc) throw not_found("The vpc ID '{}' does not exist", vpc_id);
  return vpc->default_group;
}

NetworkInterface create_interface(store::Writer& db, const std::string& region,
                                  const std::string& subnet_id,
                                  const std::vector<std::string>& groups,
                                  const std::string& description, const std::string& owner) {
  const auto subnet = subnets.get(db, subnet_id);
  if (!subnet || subnet->region != region)
    throw not_found("The subnet ID '{}' does not exist", subnet_id);
  const std::string vpc_id = *subnet->shape.VpcId;
  InterfaceRow row{region, {}};
  auto& shape = row.shape;
  shape.Groups.emplace();
  auto wanted = groups;
  if (wanted.empty()) wanted.push_back(default_security_group(db, vpc_id));
  for (const auto& id : wanted) {
    const auto group = security_groups.get(db, id);
    if (!group || *group->shape.VpcId != vpc_id)
      throw not_found("The security group '{}' does not exist in VPC '{}'", id, vpc_id);
    auto& entry = shape.Groups->emplace_back();
    entry.GroupId = id;
    entry.GroupName = group->shape.GroupName;
  }
  const std::string account = *subnet->shape.OwnerId;
  const std::string requester = owner.empty() ? account : owner;
  const std::string address =
      free_address(db, subnet_id, parse_cidr(*subnet->shape.CidrBlock).value());
  const std::string mac = random_bytes(5);
  shape.NetworkInterfaceId = make_id("eni");
  shape.SubnetId = subnet_id;
  shape.VpcId = vpc_id;
  shape.AvailabilityZone = subnet->shape.AvailabilityZone;
  shape.AvailabilityZoneId = subnet->shape.AvailabilityZoneId;
  shape.Description = description;
  shape.InterfaceType = "interface";
  shape.MacAddress = "02";  // locally administered, unicast
  for (const char c : mac) *shape.MacAddress += fmt::format(":{:02x}", static_cast<uint8_t>(c));
  shape.OwnerId = account;
  shape.RequesterId = requester;
  shape.RequesterManaged = true;
  shape.SourceDestCheck = true;
  shape.Status = "in-use";
  shape.PrivateIpAddress = address;
  shape.PrivateDnsName = dns_name(address, region);
  auto& primary = shape.PrivateIpAddresses.emplace().emplace_back();
  primary.Primary = true;
  primary.PrivateIpAddress = address;
  primary.PrivateDnsName = shape.PrivateDnsName;
  shape.Attachment = attachment_for(requester, account);
  interfaces.put(db, *shape.NetworkInterfaceId, row);
  addresses.put(db, subnet_id + "/" + address, {*shape.NetworkInterfaceId});
  return {.id = *shape.NetworkInterfaceId,
          .subnet_id = subnet_id,
          .vpc_id = vpc_id,
          .private_ip = address,
          .mac = *shape.MacAddress,
          .private_dns_name = *shape.PrivateDnsName,
          .description = description,
          .availability_zone = *shape.AvailabilityZone,
          .requester_id = requester,
          .instance_owner_id = *shape.Attachment->InstanceOwnerId,
          .attachment_id = *shape.Attachment->AttachmentId,
          .security_groups = wanted};
}

void delete_interface(store::Writer& db, const std::string& interface_id) {
  const auto row = interfaces.get(db, interface_id);
  if (!row) return;
  addresses.erase(db, *row->shape.SubnetId + "/" + *row->shape.PrivateIpAddress);
  for (const auto& tag : tags.scan(db, interface_id + "/"))
    tags.erase(db, interface_id + "/" + tag->key);
  interfaces.erase(db, interface_id);
}

}  // namespace slipway::ec2
