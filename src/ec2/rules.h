// Security group rules as objects and as the permissions that older calls speak of.
#pragma once
#include "ec2/model.h"

namespace slipway::ec2 {

// Adds a rule to the permission with its protocol and ports (made when there is none).
void add_to_permissions(std::vector<e::IpPermission>& permissions,
                        const e::SecurityGroupRule& rule);
// The group that a request names by id, or by name within the default VPC.
std::string group_named(const aws::Context& c, const std::optional<std::string>& id,
                        const std::optional<std::string>& name);

}  // namespace slipway::ec2
