// Security groups, and what they answer about their rules.
#include "ec2/describe.h"
#include "ec2/handlers.h"
#include "ec2/rules.h"

namespace slipway::ec2 {

namespace {

e::SecurityGroup shown(const aws::Context& c, const GroupRow& row) {
  e::SecurityGroup out = row.shape;
  out.Tags = shown_tags(c, *out.GroupId);
  out.IpPermissions.emplace();
  out.IpPermissionsEgress.emplace();
  for (const auto& rule : rules_of(*c.db, *out.GroupId)) {
    auto& list = *rule->shape.IsEgress ? *out.IpPermissionsEgress : *out.IpPermissions;
    add_to_permissions(list, rule->shape);
  }
  return out;
}

template <bool Egress, typename Get>
Values permissions(const GroupRow& row, Get get) {
  const auto& list = Egress ? row.shape.IpPermissionsEgress : row.shape.IpPermissions;
  Values out;
  if (!list) return out;
  for (const auto& permission : *list) {
    for (auto& value : get(permission)) out.push_back(std::move(value));
  }
  return out;
}

Values cidrs(const e::IpPermission& permission) {
  Values out;
  if (!permission.IpRanges) return out;
  for (const auto& range : *permission.IpRanges) out.push_back(*range.CidrIp);
  return out;
}

Values group_ids(const e::IpPermission& permission) {
  Values out;
  if (!permission.UserIdGroupPairs) return out;
  for (const auto& pair : *permission.UserIdGroupPairs) out.push_back(*pair.GroupId);
  return out;
}

// Filters with these names work on the permissions, which only the shown form has.
std::map<std::string, Values (*)(const GroupRow&), std::less<>> group_fields() {
  return {
      {"group-id", [](const GroupRow& row) { return values(row.shape.GroupId); }},
      {"group-name", [](const GroupRow& row) { return values(row.shape.GroupName); }},
      {"description", [](const GroupRow& row) { return values(row.shape.Description); }},
      {"vpc-id", [](const GroupRow& row) { return values(row.shape.VpcId); }},
      {"owner-id", [](const GroupRow& row) { return values(row.shape.OwnerId); }},
      {"ip-permission.cidr", [](const GroupRow& row) { return permissions<false>(row, cidrs); }},
      {"ip-permission.group-id",
       [](const GroupRow& row) { return permissions<false>(row, group_ids); }},
      {"ip-permission.protocol",
       [](const GroupRow& row) {
         return permissions<false>(row, [](const auto& p) { return values(p.IpProtocol); });
       }},
      {"ip-permission.from-port",
       [](const GroupRow& row) {
         return permissions<false>(row, [](const auto& p) { return values(p.FromPort); });
       }},
      {"ip-permission.to-port",
       [](const GroupRow& row) {
         return permissions<false>(row, [](const auto& p) { return values(p.ToPort); });
       }},
      {"egress.ip-permission.cidr",
       [](const GroupRow& row) { return permissions<true>(row, cidrs); }},
      {"egress.ip-permission.group-id",
       [](const GroupRow& row) { return permissions<true>(row, group_ids); }},
      {"egress.ip-permission.protocol",
       [](const GroupRow& row) {
         return permissions<true>(row, [](const auto& p) { return values(p.IpProtocol); });
       }},
  };
}

bool is_referenced(const aws::Context& c, const std::string& id) {
  for (const auto& rule : rows_of(c, rules)) {
    if (rule->shape.ReferencedGroupInfo && rule->shape.ReferencedGroupInfo->GroupId == id &&
        rule->shape.GroupId != id) {
      return true;
    }
  }
  for (const auto& interface : rows_of(c, interfaces)) {
    for (const auto& group : *interface->shape.Groups) {
      if (group.GroupId == id) return true;
    }
  }
  return false;
}

void check_name(const std::string& name, const std::string& description) {
  if (name.empty() || name.size() > 255 || name.starts_with("sg-") || name == "default") {
    throw error("InvalidParameterValue",
                "Value ({}) for parameter groupName is invalid: 1 to 255 characters, not starting "
                "with sg-, not 'default'",
                name.substr(0, 300));
  }
  if (description.empty() || description.size() > 255) {
    throw error("InvalidParameterValue",
                "Value for parameter GroupDescription is invalid: 1 to 255 characters");
  }
}

}  // namespace

e::CreateSecurityGroupResult create_security_group(Ec2&, aws::Context& c,
                                                   const e::CreateSecurityGroupRequest& in) {
  check_name(*in.GroupName, *in.Description);
  std::string vpc_id;
  if (in.VpcId) {
    vpc_id = *need_vpc(c, *in.VpcId)->shape.VpcId;
  } else {
    for (const auto& vpc : rows_of(c, vpcs)) {
      if (*vpc->shape.IsDefault) vpc_id = *vpc->shape.VpcId;
    }
    if (vpc_id.empty())
      throw error("VPCIdNotSpecified",
                  "No default VPC for this user. GroupName is only supported "
                  "for EC2-Classic and default VPC.");
  }
  for (const auto& other : rows_of(c, security_groups)) {
    if (other->shape.VpcId == vpc_id && other->shape.GroupName == in.GroupName) {
      throw error("InvalidGroup.Duplicate", "The security group '{}' already exists for VPC '{}'",
                  *in.GroupName, vpc_id);
    }
  }
  GroupRow row{c.region, {}};
  const std::string id = make_id("sg");
  row.shape.GroupId = id;
  row.shape.GroupName = *in.GroupName;
  row.shape.Description = *in.Description;
  row.shape.VpcId = vpc_id;
  row.shape.OwnerId = c.account;
  row.shape.SecurityGroupArn = c.arn("ec2", "security-group/" + id);
  security_groups.put(*c.db, id, row);
  auto egress = make_rule(c.account, c.region, id, true);
  egress.CidrIpv4 = "0.0.0.0/0";
  put_rule(*c.db, c.region, egress);
  tag_new(c, "security-group", id, in.TagSpecifications);
  e::CreateSecurityGroupResult out;
  out.GroupId = id;
  out.SecurityGroupArn = row.shape.SecurityGroupArn;
  out.Tags = shown_tags(c, id);
  return out;
}

e::DeleteSecurityGroupResult delete_security_group(Ec2&, aws::Context& c,
                                                   const e::DeleteSecurityGroupRequest& in) {
  const std::string id = group_named(c, in.GroupId, in.GroupName);
  const auto group = need_group(c, id);
  if (group->shape.GroupName == "default") {
    throw error("CannotDelete",
                "the specified group: \"{}\" name: \"default\" cannot be deleted by a user", id);
  }
  if (is_referenced(c, id))
    throw error("DependencyViolation", "resource {} has a dependent object", id);
  for (const auto& rule : rules_of(*c.db, id)) {
    forget_tags(c, *rule->shape.SecurityGroupRuleId);
    rules.erase(*c.db, id + "/" + *rule->shape.SecurityGroupRuleId);
  }
  security_groups.erase(*c.db, id);
  forget_tags(c, id);
  e::DeleteSecurityGroupResult out;
  out.Return = true;
  out.GroupId = id;
  return out;
}

e::DescribeSecurityGroupsResult describe_security_groups(
    Ec2&, aws::Context& c, const e::DescribeSecurityGroupsRequest& in) {
  static const ResourceKind<GroupRow> kKind{
      security_groups, "security group", "InvalidGroup.NotFound",
      [](const GroupRow& row) { return row.shape.GroupId.value_or(""); }, group_fields()};
  e::DescribeSecurityGroupsResult out;
  out.SecurityGroups.emplace();
  auto request = in;
  std::optional<std::vector<e::Filter>> on_permissions;
  if (request.Filters) {
    std::erase_if(*request.Filters, [&](const e::Filter& filter) {
      if (filter.Name.value_or("").find("ip-permission.") == std::string::npos) return false;
      if (!on_permissions) on_permissions.emplace();
      on_permissions->push_back(filter);
      return true;
    });
  }
  if (in.GroupIds) {
    for (const auto& id : *in.GroupIds) need_group(c, id);
  }
  std::set<std::string> names;
  if (in.GroupNames) names.insert(in.GroupNames->begin(), in.GroupNames->end());
  for (const auto& row : select(c, kKind, in.GroupIds, request, out)) {
    if (in.GroupNames && !in.GroupNames->empty() && !names.contains(*row->shape.GroupName))
      continue;
    const GroupRow full{row->region, shown(c, *row)};
    if (fits(c, kKind, full, on_permissions)) out.SecurityGroups->push_back(full.shape);
  }
  return out;
}

e::DescribeSecurityGroupRulesResult describe_security_group_rules(
    Ec2&, aws::Context& c, const e::DescribeSecurityGroupRulesRequest& in) {
  static const ResourceKind<RuleRow> kKind{
      rules,
      "security group rule",
      "InvalidSecurityGroupRuleId.NotFound",
      [](const RuleRow& row) { return row.shape.SecurityGroupRuleId.value_or(""); },
      {{"group-id", [](const RuleRow& row) { return values(row.shape.GroupId); }},
       {"security-group-rule-id",
        [](const RuleRow& row) { return values(row.shape.SecurityGroupRuleId); }}}};
  e::DescribeSecurityGroupRulesResult out;
  out.SecurityGroupRules.emplace();
  for (const auto& row : select(c, kKind, in.SecurityGroupRuleIds, in, out)) {
    out.SecurityGroupRules->push_back(row->shape);
    out.SecurityGroupRules->back().Tags = shown_tags(c, *row->shape.SecurityGroupRuleId);
  }
  return out;
}

}  // namespace slipway::ec2
