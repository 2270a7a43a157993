// What iam/ publishes to sts/, ecs/ and the daemon: does this role exist, and what is it.
#pragma once
#include <optional>
#include <string>

#include "aws/gen/iam.h"
#include "store/store.h"

namespace slipway::iam {

bool role_exists(const store::Reader& db, const std::string& role_arn);
// Its AssumeRolePolicyDocument is plain JSON here, not URL-encoded.
std::optional<aws::iam::Role> find_role(const store::Reader& db, const std::string& role_arn);

}  // namespace slipway::iam
