// Security group rules as objects and as the permissions that older calls speak of.
#pragma once
#include "ec2/model.h"

namespace slipway::ec2 {

using RuleRows = std::vector<std::shared_ptr<const RuleRow>>;

// Adds a rule to the permission with its protocol and ports (made when there is none).
void add_to_permissions(std::vector<e::IpPermission>& permissions,
                        const e::SecurityGroupRule& rule);
// The group that a request names by id, or by name within the default VPC.
std::string group_named(const aws::Context& c, const std::optional<std::string>& id,
                        const std::optional<std::string>& name);

// One rule per range, group and prefix list of a permission. Throws EC2's errors.
std::vector<e::SecurityGroupRule> expand(const aws::Context& c, const std::string& group_id,
                                         bool egress, const e::IpPermission& permission);
// The parts of a rule, checked.
std::string protocol_name(const std::string& given);
void set_ports(e::SecurityGroupRule& rule, const std::string& protocol,
               const std::optional<int32_t>& from, const std::optional<int32_t>& to);
void set_description(e::SecurityGroupRule& rule, const std::optional<std::string>& description);
void set_cidr(e::SecurityGroupRule& rule, const std::string& cidr);
void set_cidr6(e::SecurityGroupRule& rule, const std::string& cidr);
void set_group(const aws::Context& c, e::SecurityGroupRule& rule,
               const std::optional<std::string>& id, const std::optional<std::string>& name);

// The other side: a block or a group id.
std::string peer(const e::SecurityGroupRule& rule);
// The stored rule that allows the same; null when there is none.
const e::SecurityGroupRule* find_same(const RuleRows& existing, const e::SecurityGroupRule& rule);

}  // namespace slipway::ec2
