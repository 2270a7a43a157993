// The Elastic Load Balancing v2 API. Handlers only change the store; elb/loop.h makes it true.
#pragma once
#include <string>
#include <vector>

#include "aws/operation.h"
#include "store/store.h"

namespace slipway::elb {

class Elb {};

aws::Service service(Elb& elb);

// For people: where each load balancer answers.
struct Address {
  std::string name, arn, region, dns_name, address, state, reason;
  std::vector<uint16_t> ports;
};
std::vector<Address> addresses(const store::Reader& db);

}  // namespace slipway::elb
