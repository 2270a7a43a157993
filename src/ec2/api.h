// EC2: the networking that ECS, load balancers and Terraform need. Calls for what is not modelled
// answer EC2's own errors; there are no instances.
#pragma once
#include "aws/operation.h"

namespace slipway::ec2 {

// State is in the store; a region's default VPC is made when the region is first used.
class Ec2 {};

// The operation table ("ec2").
aws::Service service(Ec2& self);

}  // namespace slipway::ec2
