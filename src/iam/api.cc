#include "iam/api.h"

#include "iam/operations.h"

namespace slipway::iam {

aws::Service service(Iam& self) {
  aws::Service out{"iam", {}};
  add_roles(self, out.operations);
  add_role_policies(self, out.operations);
  add_policies(self, out.operations);
  add_profiles(self, out.operations);
  add_users(self, out.operations);
  return out;
}

}  // namespace slipway::iam
