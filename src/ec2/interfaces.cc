// Network interfaces as the API shows them: those of tasks and load balancers, and the caller's
// own.
#include "base/error.h"
#include "ec2/cidr.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"
#include "ec2/network.h"

namespace slipway::ec2 {

namespace {

using Fields = std::map<std::string, Values (*)(const InterfaceRow&), std::less<>>;

template <auto Member>
Values plain(const InterfaceRow& row) {
  return values(row.shape.*Member);
}

template <auto Member>
Values attached(const InterfaceRow& row) {
  return row.shape.Attachment ? values((*row.shape.Attachment).*Member) : Values{};
}

template <auto Member>
Values grouped(const InterfaceRow& row) {
  Values out;
  if (!row.shape.Groups) return out;
  for (const auto& group : *row.shape.Groups) {
    for (auto& value : values(group.*Member)) out.push_back(std::move(value));
  }
  return out;
}

template <auto Member>
Values addressed(const InterfaceRow& row) {
  Values out;
  if (!row.shape.PrivateIpAddresses) return out;
  for (const auto& address : *row.shape.PrivateIpAddresses) {
    for (auto& value : values(address.*Member)) out.push_back(std::move(value));
  }
  return out;
}

template <auto Member>
Values associated(const InterfaceRow& row) {
  return row.shape.Association ? values((*row.shape.Association).*Member) : Values{};
}

Fields link_fields() {
  using S = e::NetworkInterfaceAssociation;
  using A = e::NetworkInterfaceAttachment;
  return {{"attachment.attachment-id", attached<&A::AttachmentId>},
          {"attachment.delete-on-termination", attached<&A::DeleteOnTermination>},
          {"attachment.device-index", attached<&A::DeviceIndex>},
          {"attachment.instance-id", attached<&A::InstanceId>},
          {"attachment.instance-owner-id", attached<&A::InstanceOwnerId>},
          {"attachment.status", attached<&A::Status>},
          {"association.allocation-id", associated<&S::AllocationId>},
          {"association.association-id", associated<&S::AssociationId>},
          {"association.ip-owner-id", associated<&S::IpOwnerId>},
          {"association.public-dns-name", associated<&S::PublicDnsName>},
          {"association.public-ip", associated<&S::PublicIp>},
          {"addresses.association.public-ip", associated<&S::PublicIp>}};
}

Fields fields() {
  using I = e::NetworkInterface;
  using P = e::NetworkInterfacePrivateIpAddress;
  using G = e::GroupIdentifier;
  Fields out = link_fields();
  out.merge(Fields{{"network-interface-id", plain<&I::NetworkInterfaceId>},
                   {"subnet-id", plain<&I::SubnetId>},
                   {"vpc-id", plain<&I::VpcId>},
                   {"availability-zone", plain<&I::AvailabilityZone>},
                   {"availability-zone-id", plain<&I::AvailabilityZoneId>},
                   {"description", plain<&I::Description>},
                   {"interface-type", plain<&I::InterfaceType>},
                   {"mac-address", plain<&I::MacAddress>},
                   {"owner-id", plain<&I::OwnerId>},
                   {"private-ip-address", plain<&I::PrivateIpAddress>},
                   {"private-dns-name", plain<&I::PrivateDnsName>},
                   {"requester-id", plain<&I::RequesterId>},
                   {"requester-managed", plain<&I::RequesterManaged>},
                   {"source-dest-check", plain<&I::SourceDestCheck>},
                   {"status", plain<&I::Status>},
                   {"group-id", grouped<&G::GroupId>},
                   {"group-name", grouped<&G::GroupName>},
                   {"addresses.private-ip-address", addressed<&P::PrivateIpAddress>},
                   {"addresses.primary", addressed<&P::Primary>},
                   // There is no IPv6, and no operator's interface.
                   {"ipv6-addresses.ipv6-address", [](const InterfaceRow&) { return Values{}; }},
                   {"operator.managed", [](const InterfaceRow&) { return Values{"false"}; }},
                   {"operator.principal", [](const InterfaceRow&) { return Values{}; }}});
  return out;
}

e::NetworkInterface shown(const aws::Context& c, const InterfaceRow& row) {
  e::NetworkInterface out = row.shape;
  out.TagSet = shown_tags(c, *out.NetworkInterfaceId);
  return out;
}

// Moves a new interface to the address that was asked for.
void move_to(const aws::Context& c, InterfaceRow& row, const std::string& address) {
  auto& shape = row.shape;
  const auto cidr = parse_cidr(*need_subnet(c, *shape.SubnetId)->shape.CidrBlock).value();
  const auto parsed = parse_ipv4(address);
  if (!parsed || !cidr.contains(*parsed) || *parsed - cidr.base < 4 ||
      *parsed - cidr.base == cidr.size() - 1) {
    throw error("InvalidParameterValue",
                "Address {} does not fall within the subnet's address range", address);
  }
  const std::string key = *shape.SubnetId + "/" + address;
  const auto taken = addresses.get(*c.db, key);
  if (taken && taken->interface_id != *shape.NetworkInterfaceId)
    throw error("InvalidIPAddress.InUse", "The specified address {} is already in use.", address);
  addresses.erase(*c.db, *shape.SubnetId + "/" + *shape.PrivateIpAddress);
  addresses.put(*c.db, key, {*shape.NetworkInterfaceId});
  std::string dashed = address;
  std::replace(dashed.begin(), dashed.end(), '.', '-');
  shape.PrivateDnsName =
      "ip-" + dashed + shape.PrivateDnsName->substr(shape.PrivateDnsName->find('.'));
  shape.PrivateIpAddress = address;
  shape.PrivateIpAddresses->front().PrivateIpAddress = address;
  shape.PrivateIpAddresses->front().PrivateDnsName = shape.PrivateDnsName;
}

}  // namespace

e::CreateNetworkInterfaceResult create_network_interface(
    Ec2&, aws::Context& c, const e::CreateNetworkInterfaceRequest& in) {
  const auto subnet = need_subnet(c, *in.SubnetId);
  if (in.SecondaryPrivateIpAddressCount.value_or(0) > 0 || in.Ipv6AddressCount.value_or(0) > 0 ||
      in.Ipv6Addresses || in.PrivateIpAddresses) {
    throw error("UnsupportedOperation",
                "Secondary and IPv6 addresses of interfaces are not supported by Slipway");
  }
  const auto groups = in.Groups.value_or(std::vector<std::string>{});
  for (const auto& id : groups) {
    if (need_group(c, id)->shape.VpcId != subnet->shape.VpcId) {
      throw error("InvalidGroup.NotFound", "The security group '{}' does not exist in VPC '{}'", id,
                  *subnet->shape.VpcId);
    }
  }
  std::string id;
  try {
    id =
        create_interface(*c.db, c.region, *in.SubnetId, groups, in.Description.value_or(""), "").id;
  } catch (const Error& e) {
    if (e.kind() != Kind::conflict) throw;
    throw error("InsufficientFreeAddressesInSubnet", "{}", e.what());
  }
  InterfaceRow row = *interfaces.get(*c.db, id);
  row.shape.RequesterManaged = false;
  row.shape.Status = "available";
  row.shape.Attachment.reset();
  if (in.PrivateIpAddress) move_to(c, row, *in.PrivateIpAddress);
  interfaces.put(*c.db, id, row);
  tag_new(c, "network-interface", id, in.TagSpecifications);
  e::CreateNetworkInterfaceResult out;
  out.NetworkInterface = shown(c, row);
  return out;
}

e::DeleteNetworkInterfaceResponse delete_network_interface(
    Ec2&, aws::Context& c, const e::DeleteNetworkInterfaceRequest& in) {
  if (need_interface(c, *in.NetworkInterfaceId)->shape.Status == "in-use") {
    throw error("InvalidParameterValue", "Network interface '{}' is currently in use.",
                *in.NetworkInterfaceId);
  }
  delete_interface(*c.db, *in.NetworkInterfaceId);
  return {};
}

e::DescribeNetworkInterfacesResult describe_network_interfaces(
    Ec2&, aws::Context& c, const e::DescribeNetworkInterfacesRequest& in) {
  static const ResourceKind<InterfaceRow> kKind{
      interfaces, "networkInterface", "InvalidNetworkInterfaceID.NotFound",
      [](const InterfaceRow& row) { return row.shape.NetworkInterfaceId.value_or(""); }, fields()};
  e::DescribeNetworkInterfacesResult out;
  out.NetworkInterfaces.emplace();
  for (const auto& row : select(c, kKind, in.NetworkInterfaceIds, in, out))
    out.NetworkInterfaces->push_back(shown(c, *row));
  return out;
}

e::DescribeNetworkInterfaceAttributeResult describe_network_interface_attribute(
    Ec2&, aws::Context& c, const e::DescribeNetworkInterfaceAttributeRequest& in) {
  const auto row = need_interface(c, *in.NetworkInterfaceId);
  e::DescribeNetworkInterfaceAttributeResult out;
  out.NetworkInterfaceId = *in.NetworkInterfaceId;
  const std::string attribute = in.Attribute.value_or("");
  if (attribute == "description") {
    out.Description.emplace().Value = row->shape.Description;
  } else if (attribute == "groupSet") {
    out.Groups = row->shape.Groups;
  } else if (attribute == "sourceDestCheck") {
    out.SourceDestCheck.emplace().Value = row->shape.SourceDestCheck;
  } else if (attribute == "attachment") {
    out.Attachment = row->shape.Attachment;
  } else {
    throw error("InvalidParameterValue", "Value ({}) for parameter attribute is invalid.",
                attribute);
  }
  return out;
}

e::ModifyNetworkInterfaceAttributeResponse modify_network_interface_attribute(
    Ec2&, aws::Context& c, const e::ModifyNetworkInterfaceAttributeRequest& in) {
  InterfaceRow row = *need_interface(c, *in.NetworkInterfaceId);
  if (in.Attachment) {
    throw error("UnsupportedOperation",
                "The attachment of an interface cannot be changed: there are no instances");
  }
  if (in.Description) row.shape.Description = in.Description->Value.value_or("");
  if (in.SourceDestCheck) row.shape.SourceDestCheck = in.SourceDestCheck->Value.value_or(true);
  if (in.Groups) {
    if (row.shape.RequesterManaged.value_or(false)) {
      throw error("OperationNotPermitted",
                  "The security groups of '{}' belong to the service that made it",
                  *in.NetworkInterfaceId);
    }
    row.shape.Groups.emplace();
    for (const auto& id : *in.Groups) {
      auto& entry = row.shape.Groups->emplace_back();
      entry.GroupName = need_group(c, id)->shape.GroupName;
      entry.GroupId = id;
    }
  }
  interfaces.put(*c.db, *in.NetworkInterfaceId, row);
  return {};
}

}  // namespace slipway::ec2
