// Authorize, revoke, modify: permissions come in, single rules are stored.
#include "ec2/rules.h"

#include "base/strings.h"
#include "ec2/cidr.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

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

// All rules of a request, whose permissions may also be given flat.
template <typename In>
std::vector<e::SecurityGroupRule> expand_all(const aws::Context& c, const std::string& group_id,
                                             bool egress, const In& in) {
  std::vector<e::IpPermission> permissions;
  if (in.IpPermissions) permissions = *in.IpPermissions;
  if (in.IpProtocol || in.CidrIp || in.SourceSecurityGroupName) {
    auto& flat = permissions.emplace_back();
    flat.IpProtocol = in.SourceSecurityGroupName ? in.IpProtocol.value_or("-1") : in.IpProtocol;
    flat.FromPort = in.FromPort;
    flat.ToPort = in.ToPort;
    if (in.CidrIp) flat.IpRanges.emplace().emplace_back().CidrIp = in.CidrIp;
    if (in.SourceSecurityGroupName)
      flat.UserIdGroupPairs.emplace().emplace_back().GroupName = in.SourceSecurityGroupName;
  }
  std::vector<e::SecurityGroupRule> out;
  for (const auto& permission : permissions) {
    for (auto& rule : expand(c, group_id, egress, permission)) out.push_back(std::move(rule));
  }
  return out;
}

std::string peer(const e::SecurityGroupRule& rule) {
  if (rule.CidrIpv4) return *rule.CidrIpv4;
  if (rule.CidrIpv6) return *rule.CidrIpv6;
  return rule.ReferencedGroupInfo ? *rule.ReferencedGroupInfo->GroupId : "";
}

bool same_rule(const e::SecurityGroupRule& a, const e::SecurityGroupRule& b) {
  return a.IsEgress == b.IsEgress && a.IpProtocol == b.IpProtocol && a.FromPort == b.FromPort &&
         a.ToPort == b.ToPort && peer(a) == peer(b);
}

const e::SecurityGroupRule* find_same(const std::vector<std::shared_ptr<const RuleRow>>& existing,
                                      const e::SecurityGroupRule& rule) {
  for (const auto& row : existing) {
    if (same_rule(row->shape, rule)) return &row->shape;
  }
  return nullptr;
}

template <typename Out, typename In>
Out authorize(aws::Context& c, bool egress, const std::string& group_id, const In& in) {
  need_group(c, group_id);
  Out out;
  out.Return = true;
  out.SecurityGroupRules.emplace();
  const auto wanted = expand_all(c, group_id, egress, in);
  if (wanted.empty()) {
    throw error("MissingParameter",
                "Either 'ipPermissions' or a protocol with a source must be given");
  }
  for (const auto& rule : wanted) {
    if (find_same(rules_of(*c.db, group_id), rule)) {
      throw error("InvalidPermission.Duplicate",
                  "the specified rule \"peer: {}, {}, from port: {}, to port: {}, ALLOW\" already "
                  "exists",
                  peer(rule), *rule.IpProtocol == "-1" ? "ALL" : to_upper(*rule.IpProtocol),
                  *rule.FromPort, *rule.ToPort);
    }
    put_rule(*c.db, c.region, rule);
    tag_new(c, "security-group-rule", *rule.SecurityGroupRuleId, in.TagSpecifications);
    out.SecurityGroupRules->push_back(rule);
    out.SecurityGroupRules->back().Tags = shown_tags(c, *rule.SecurityGroupRuleId);
  }
  if (rules_of(*c.db, group_id).size() > 1000) {
    throw error("RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.");
  }
  return out;
}

e::RevokedSecurityGroupRule revoke_one(aws::Context& c, const e::SecurityGroupRule& rule) {
  rules.erase(*c.db, *rule.GroupId + "/" + *rule.SecurityGroupRuleId);
  forget_tags(c, *rule.SecurityGroupRuleId);
  e::RevokedSecurityGroupRule out;
  out.SecurityGroupRuleId = rule.SecurityGroupRuleId;
  out.GroupId = rule.GroupId;
  out.IsEgress = rule.IsEgress;
  out.IpProtocol = rule.IpProtocol;
  out.FromPort = rule.FromPort;
  out.ToPort = rule.ToPort;
  out.CidrIpv4 = rule.CidrIpv4;
  out.CidrIpv6 = rule.CidrIpv6;
  out.Description = rule.Description;
  if (rule.ReferencedGroupInfo) out.ReferencedGroupId = rule.ReferencedGroupInfo->GroupId;
  return out;
}

std::shared_ptr<const RuleRow> need_rule(const aws::Context& c, const std::string& group_id,
                                         const std::string& id, bool egress) {
  auto row = rules.get(*c.db, group_id + "/" + id);
  if (!row || *row->shape.IsEgress != egress) {
    throw error("InvalidSecurityGroupRuleId.NotFound",
                "The security group rule ID '{}' does not exist", id);
  }
  return row;
}

template <typename Out, typename In>
Out revoke(aws::Context& c, bool egress, const std::string& group_id, const In& in) {
  need_group(c, group_id);
  Out out;
  out.Return = true;
  out.RevokedSecurityGroupRules.emplace();
  if (in.SecurityGroupRuleIds) {
    for (const auto& id : *in.SecurityGroupRuleIds) {
      out.RevokedSecurityGroupRules->push_back(
          revoke_one(c, need_rule(c, group_id, id, egress)->shape));
    }
  }
  for (const auto& rule : expand_all(c, group_id, egress, in)) {
    const auto existing = rules_of(*c.db, group_id);
    const auto* found = find_same(existing, rule);
    if (!found) {
      throw error("InvalidPermission.NotFound",
                  "The specified rule does not exist in this security group.");
    }
    out.RevokedSecurityGroupRules->push_back(revoke_one(c, *found));
  }
  return out;
}

template <typename Out, typename In>
Out update_descriptions(aws::Context& c, bool egress, const In& in) {
  const std::string group_id = group_named(c, in.GroupId, in.GroupName);
  need_group(c, group_id);
  auto change = [&](e::SecurityGroupRule rule, const std::optional<std::string>& description) {
    rule.Description.reset();
    set_description(rule, description);
    put_rule(*c.db, c.region, rule);
  };
  if (in.SecurityGroupRuleDescriptions) {
    for (const auto& entry : *in.SecurityGroupRuleDescriptions) {
      const std::string id = entry.SecurityGroupRuleId.value_or("");
      change(need_rule(c, group_id, id, egress)->shape, entry.Description);
    }
  }
  for (const auto& permission : in.IpPermissions.value_or(std::vector<e::IpPermission>{})) {
    for (const auto& rule : expand(c, group_id, egress, permission)) {
      const auto existing = rules_of(*c.db, group_id);
      const auto* found = find_same(existing, rule);
      if (!found) {
        throw error("InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.");
      }
      change(*found, rule.Description);
    }
  }
  Out out;
  out.Return = true;
  return out;
}

}  // namespace

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

e::AuthorizeSecurityGroupIngressResult authorize_ingress(
    Ec2&, aws::Context& c, const e::AuthorizeSecurityGroupIngressRequest& in) {
  return authorize<e::AuthorizeSecurityGroupIngressResult>(
      c, false, group_named(c, in.GroupId, in.GroupName), in);
}

e::AuthorizeSecurityGroupEgressResult authorize_egress(
    Ec2&, aws::Context& c, const e::AuthorizeSecurityGroupEgressRequest& in) {
  return authorize<e::AuthorizeSecurityGroupEgressResult>(c, true, *in.GroupId, in);
}

e::RevokeSecurityGroupIngressResult revoke_ingress(Ec2&, aws::Context& c,
                                                   const e::RevokeSecurityGroupIngressRequest& in) {
  return revoke<e::RevokeSecurityGroupIngressResult>(c, false,
                                                     group_named(c, in.GroupId, in.GroupName), in);
}

e::RevokeSecurityGroupEgressResult revoke_egress(Ec2&, aws::Context& c,
                                                 const e::RevokeSecurityGroupEgressRequest& in) {
  return revoke<e::RevokeSecurityGroupEgressResult>(c, true, *in.GroupId, in);
}

e::ModifySecurityGroupRulesResult modify_rules(Ec2&, aws::Context& c,
                                               const e::ModifySecurityGroupRulesRequest& in) {
  need_group(c, *in.GroupId);
  for (const auto& update : *in.SecurityGroupRules) {
    const auto row = rules.get(*c.db, *in.GroupId + "/" + *update.SecurityGroupRuleId);
    if (!row) {
      throw error("InvalidSecurityGroupRuleId.NotFound",
                  "The security group rule ID '{}' does not exist", *update.SecurityGroupRuleId);
    }
    if (!update.SecurityGroupRule) continue;
    const auto& wanted = *update.SecurityGroupRule;
    e::SecurityGroupRule rule = make_rule(c.account, c.region, *in.GroupId, *row->shape.IsEgress);
    rule.SecurityGroupRuleId = row->shape.SecurityGroupRuleId;
    rule.SecurityGroupRuleArn = row->shape.SecurityGroupRuleArn;
    set_ports(rule, protocol_name(wanted.IpProtocol.value_or("-1")), wanted.FromPort,
              wanted.ToPort);
    set_description(rule, wanted.Description);
    if (wanted.CidrIpv4) {
      set_cidr(rule, *wanted.CidrIpv4);
    } else if (wanted.CidrIpv6) {
      set_cidr6(rule, *wanted.CidrIpv6);
    } else if (wanted.ReferencedGroupId) {
      set_group(c, rule, wanted.ReferencedGroupId, {});
    } else {
      throw error("MissingParameter", "A rule needs cidrIpv4, cidrIpv6 or referencedGroupId");
    }
    put_rule(*c.db, c.region, rule);
  }
  e::ModifySecurityGroupRulesResult out;
  out.Return = true;
  return out;
}

e::UpdateSecurityGroupRuleDescriptionsIngressResult update_descriptions_ingress(
    Ec2&, aws::Context& c, const e::UpdateSecurityGroupRuleDescriptionsIngressRequest& in) {
  return update_descriptions<e::UpdateSecurityGroupRuleDescriptionsIngressResult>(c, false, in);
}

e::UpdateSecurityGroupRuleDescriptionsEgressResult update_descriptions_egress(
    Ec2&, aws::Context& c, const e::UpdateSecurityGroupRuleDescriptionsEgressRequest& in) {
  return update_descriptions<e::UpdateSecurityGroupRuleDescriptionsEgressResult>(c, true, in);
}

}  // namespace slipway::ec2
