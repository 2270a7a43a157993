// The places of a load balancer (places.cc), for its creation.
#pragma once
#include "ec2/network.h"
#include "elb/model.h"

namespace slipway::elb {

// The subnets that were asked for, checked as AWS does for an application load balancer.
std::vector<ec2::Subnet> chosen_subnets(
    const store::Reader& db, const std::optional<std::vector<std::string>>& names,
    const std::optional<std::vector<e::SubnetMapping>>& mappings);
// The VPC's default group when none was asked for.
std::vector<std::string> chosen_groups(const store::Reader& db, const std::string& vpc,
                                       const std::vector<std::string>& asked);
// An address of 127.64.0.0/10 that no other load balancer has. 127.0.0.0/10 is left to the host.
std::string free_address(const store::Reader& db, const std::string& arn);
// One interface in each subnet, as AWS has them, instead of those it had.
void take_places(store::Writer& db, const aws::Context& c, LoadBalancerRow& row,
                 const std::vector<ec2::Subnet>& subnets);

}  // namespace slipway::elb
