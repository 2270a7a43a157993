// IAM: roles, policies, instance profiles, users with access keys. Policies are kept and checked
// for syntax; nothing evaluates them yet.
#pragma once
#include "aws/operation.h"

namespace slipway::iam {

struct Iam {};

aws::Service service(Iam& self);

}  // namespace slipway::iam
