// Every IAM operation, by resource; api.cc lists them. Private to iam/.
#pragma once
#include "aws/gen/iam.h"
#include "aws/operation.h"

namespace slipway::iam {

struct Iam;

// Appends the rows of one resource.
void add_roles(Iam& self, std::vector<aws::Operation>& rows);
void add_role_policies(Iam& self, std::vector<aws::Operation>& rows);
void add_policies(Iam& self, std::vector<aws::Operation>& rows);
void add_profiles(Iam& self, std::vector<aws::Operation>& rows);
void add_users(Iam& self, std::vector<aws::Operation>& rows);

}  // namespace slipway::iam
