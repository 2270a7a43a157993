// Between permissions (what requests speak of) and rules (what is stored): parsing, checking,
// comparing, putting together again.
#include "base/strings.h"
#include "ec2/cidr.h"
#include "ec2/rules.h"

namespace slipway::ec2 {

std::string protocol_name(const std::string& given) {
  static const std::map<std::string, std::string> kNames = {
      {"6", "tcp"}, {"17", "udp"}, {"1", "icmp"}, {"58", "icmpv6"}, {"all", "-1"}};
  const std::string lower = to_lower(given);
  if (const auto known = kNames.find(lower); known != kNames.end()) return known->second;
  const bool word =
      lower == "tcp" || lower == "udp" || lower == "icmp" || lower == "icmpv6" || lower == "-1";
  const auto number = parse_uint(lower);
  if (!word && (!number || *number > 255)) {
    throw error("InvalidPermission.Malformed",
                "Unsupported IP protocol \"{}\" - supported: [tcp, udp, icmp]", given);
  }
  return lower;
}

void set_ports(e::SecurityGroupRule& rule, const std::string& protocol,
               const std::optional<int32_t>& from, const std::optional<int32_t>& to) {
  rule.IpProtocol = protocol;
  rule.FromPort = -1;
  rule.ToPort = -1;
  const bool icmp = protocol.starts_with("icmp");
  if (protocol != "tcp" && protocol != "udp" && !icmp) return;
  if (icmp) {
    rule.FromPort = from.value_or(-1);
    rule.ToPort = to.value_or(-1);
    return;
  }
  if (!from || !to) {
    throw error("InvalidParameterValue",
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
  }
  if (*from < 0 || *to > 65535 || *from > *to) {
    throw error("InvalidParameterValue", "Invalid value '{}-{}' for portRange.", *from, *to);
  }
  rule.FromPort = *from;
  rule.ToPort = *to;
}

void set_description(e::SecurityGroupRule& rule, const std::optional<std::string>& description) {
  if (description && description->size() > 255)
    throw error("InvalidParameterValue", "A rule's description has at most 255 characters");
  if (description) rule.Description = *description;
}

void set_cidr(e::SecurityGroupRule& rule, const std::string& cidr) {
  const auto parsed = parse_cidr(cidr);
  if (!parsed) throw error("InvalidParameterValue", "CIDR block {} is malformed", cidr);
  rule.CidrIpv4 = parsed->text();
}

void set_cidr6(e::SecurityGroupRule& rule, const std::string& cidr) {
  if (!valid_ipv6_cidr(cidr))
    throw error("InvalidParameterValue", "CIDR block {} is malformed", cidr);
  rule.CidrIpv6 = to_lower(cidr);
}

void set_group(const aws::Context& c, e::SecurityGroupRule& rule,
               const std::optional<std::string>& id, const std::optional<std::string>& name) {
  const auto group = need_group(c, group_named(c, id, name));
  auto& reference = rule.ReferencedGroupInfo.emplace();
  reference.GroupId = group->shape.GroupId;
  reference.UserId = group->shape.OwnerId;
  reference.VpcId = group->shape.VpcId;
}

// One rule per range, group and prefix list of a permission.
std::vector<e::SecurityGroupRule> expand(const aws::Context& c, const std::string& group_id,
                                         bool egress, const e::IpPermission& permission) {
  std::vector<e::SecurityGroupRule> out;
  if (!permission.IpProtocol)
    throw error("MissingParameter", "The request must contain the parameter ipProtocol");
  const std::string protocol = protocol_name(*permission.IpProtocol);
  auto add = [&](const std::optional<std::string>& description) -> e::SecurityGroupRule& {
    auto& rule = out.emplace_back(make_rule(c.account, c.region, group_id, egress));
    set_ports(rule, protocol, permission.FromPort, permission.ToPort);
    set_description(rule, description);
    return rule;
  };
  if (permission.IpRanges) {
    for (const auto& range : *permission.IpRanges)
      set_cidr(add(range.Description), range.CidrIp.value_or(""));
  }
  if (permission.Ipv6Ranges) {
    for (const auto& range : *permission.Ipv6Ranges)
      set_cidr6(add(range.Description), range.CidrIpv6.value_or(""));
  }
  if (permission.UserIdGroupPairs) {
    for (const auto& pair : *permission.UserIdGroupPairs)
      set_group(c, add(pair.Description), pair.GroupId, pair.GroupName);
  }
  if (permission.PrefixListIds && !permission.PrefixListIds->empty()) {
    throw error("InvalidPrefixListID.NotFound", "The prefix list ID '{}' does not exist",
                permission.PrefixListIds->front().PrefixListId.value_or(""));
  }
  return out;
}

std::string peer(const e::SecurityGroupRule& rule) {
  if (rule.CidrIpv4) return *rule.CidrIpv4;
  if (rule.CidrIpv6) return *rule.CidrIpv6;
  return rule.ReferencedGroupInfo ? *rule.ReferencedGroupInfo->GroupId : "";
}

namespace {
bool same_rule(const e::SecurityGroupRule& a, const e::SecurityGroupRule& b) {
  return a.IsEgress == b.IsEgress && a.IpProtocol == b.IpProtocol && a.FromPort == b.FromPort &&
         a.ToPort == b.ToPort && peer(a) == peer(b);
}
}  // namespace

const e::SecurityGroupRule* find_same(const RuleRows& existing, const e::SecurityGroupRule& rule) {
  for (const auto& row : existing) {
    if (same_rule(row->shape, rule)) return &row->shape;
  }
  return nullptr;
}

void add_to_permissions(std::vector<e::IpPermission>& permissions,
                        const e::SecurityGroupRule& rule) {
  const bool has_ports = *rule.IpProtocol == "tcp" || *rule.IpProtocol == "udp" ||
                         rule.IpProtocol->starts_with("icmp");
  const auto from = has_ports ? rule.FromPort : std::nullopt;
  const auto to = has_ports ? rule.ToPort : std::nullopt;
  auto found = std::find_if(permissions.begin(), permissions.end(), [&](const auto& permission) {
    return permission.IpProtocol == rule.IpProtocol && permission.FromPort == from &&
           permission.ToPort == to;
  });
  if (found == permissions.end()) {
    found = permissions.emplace(permissions.end());
    found->IpProtocol = rule.IpProtocol;
    found->FromPort = from;
    found->ToPort = to;
    found->IpRanges.emplace();
    found->Ipv6Ranges.emplace();
    found->UserIdGroupPairs.emplace();
    found->PrefixListIds.emplace();
  }
  if (rule.CidrIpv4) {
    auto& range = found->IpRanges->emplace_back();
    range.CidrIp = rule.CidrIpv4;
    range.Description = rule.Description;
  } else if (rule.CidrIpv6) {
    auto& range = found->Ipv6Ranges->emplace_back();
    range.CidrIpv6 = rule.CidrIpv6;
    range.Description = rule.Description;
  } else if (rule.ReferencedGroupInfo) {
    auto& pair = found->UserIdGroupPairs->emplace_back();
    pair.GroupId = rule.ReferencedGroupInfo->GroupId;
    pair.UserId = rule.ReferencedGroupInfo->UserId;
    pair.Description = rule.Description;
  }
}

std::string group_named(const aws::Context& c, const std::optional<std::string>& id,
                        const std::optional<std::string>& name) {
  if (id && !id->empty()) return *id;
  if (!name) {
    throw error("MissingParameter", "The request must contain the parameter groupName or groupId");
  }
  for (const auto& group : rows_of(c, security_groups)) {
    const auto vpc = vpcs.get(*c.db, *group->shape.VpcId);
    if (group->shape.GroupName == *name && vpc && *vpc->shape.IsDefault)
      return *group->shape.GroupId;
  }
  throw error("InvalidGroup.NotFound", "The security group '{}' does not exist in default VPC",
              *name);
}

}  // namespace slipway::ec2
