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

std::vector<e::GroupIdentifier> groups_of(const store::Reader& db, const std::string& vpc_id,
                                          const std::vector<std::string>& ids) {
  std::vector<e::GroupIdentifier> out;
  for (const auto& id : ids) {
    const auto group = security_groups.get(db, id);
    if (!group || *group->shape.VpcId != vpc_id)
      throw not_found("The security group '{}' does not exist in VPC '{}'", id, vpc_id);
    auto& entry = out.emplace_back();
    entry.GroupId = id;
    entry.GroupName = group->shape.GroupName;
  }
  return out;
}

// Where the interface is, with an address of its own and what follows from it.
void place(const store::Reader& db, const SubnetRow& subnet, e::NetworkInterface& shape) {
  const std::string address =
      free_address(db, *subnet.shape.SubnetId, parse_cidr(*subnet.shape.CidrBlock).value());
  shape.SubnetId = subnet.shape.SubnetId;
  shape.VpcId = subnet.shape.VpcId;
  shape.AvailabilityZone = subnet.shape.AvailabilityZone;
  shape.AvailabilityZoneId = subnet.shape.AvailabilityZoneId;
  shape.OwnerId = subnet.shape.OwnerId;
  shape.InterfaceType = "interface";
  shape.RequesterManaged = true;
  shape.SourceDestCheck = true;
  shape.Status = "in-use";
  shape.MacAddress = "02";  // locally administered, unicast
  for (const char c : random_bytes(5))
    *shape.MacAddress += fmt::format(":{:02x}", static_cast<uint8_t>(c));
  shape.PrivateIpAddress = address;
  shape.PrivateDnsName = dns_name(address, subnet.region);
  auto& primary = shape.PrivateIpAddresses.emplace().emplace_back();
  primary.Primary = true;
  primary.PrivateIpAddress = address;
  primary.PrivateDnsName = shape.PrivateDnsName;
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
  auto wanted = groups;
  if (wanted.empty()) wanted.push_back(default_security_group(db, *subnet->shape.VpcId));
  InterfaceRow row{region, {}};
  auto& shape = row.shape;
  shape.NetworkInterfaceId = make_id("eni");
  shape.Groups = groups_of(db, *subnet->shape.VpcId, wanted);
  shape.Description = description;
  shape.RequesterId = owner.empty() ? *subnet->shape.OwnerId : owner;
  shape.Attachment = attachment_for(*shape.RequesterId, *subnet->shape.OwnerId);
  place(db, *subnet, shape);
  interfaces.put(db, *shape.NetworkInterfaceId, row);
  addresses.put(db, subnet_id + "/" + *shape.PrivateIpAddress, {*shape.NetworkInterfaceId});
  return {.id = *shape.NetworkInterfaceId,
          .subnet_id = subnet_id,
          .vpc_id = *shape.VpcId,
          .private_ip = *shape.PrivateIpAddress,
          .mac = *shape.MacAddress,
          .private_dns_name = *shape.PrivateDnsName,
          .description = description,
          .availability_zone = *shape.AvailabilityZone,
          .requester_id = *shape.RequesterId,
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
