// STS: who am I, and temporary credentials for a role. State is aws/credentials.h's and iam's.
#pragma once
#include "aws/operation.h"

namespace slipway::sts {

struct Sts {};

aws::Service service(Sts& self);

}  // namespace slipway::sts
