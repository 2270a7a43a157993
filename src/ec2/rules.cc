// Authorize, revoke, modify: permissions come in, single rules are stored.
#include "ec2/rules.h"

#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

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
