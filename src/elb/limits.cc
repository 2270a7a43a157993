// What an account may have, and answers that are the same for every load balancer.
#include "elb/handlers.h"

namespace slipway::elb {

e::DescribeAccountLimitsOutput describe_account_limits(Elb&, aws::Context&,
                                                       const e::DescribeAccountLimitsInput&) {
  static const std::pair<const char*, const char*> known[] = {
      {"target-groups", "3000"},
      {"targets-per-application-load-balancer", "1000"},
      {"listeners-per-application-load-balancer", "50"},
      {"rules-per-application-load-balancer", "100"},
      {"application-load-balancers", "50"},
      {"targets-per-target-group", "1000"},
      {"target-groups-per-application-load-balancer", "100"},
      {"target-groups-per-action-on-application-load-balancer", "5"},
      {"condition-values-per-alb-rule", "5"},
      {"condition-wildcards-per-alb-rule", "6"},
  };
  e::DescribeAccountLimitsOutput out;
  out.Limits.emplace();
  for (auto& [name, most] : known) {
    auto& limit = out.Limits->emplace_back();
    limit.Name = name;
    limit.Max = most;
  }
  return out;
}

e::DescribeCapacityReservationOutput describe_capacity_reservation(
    Elb&, aws::Context& c, const e::DescribeCapacityReservationInput& in) {
  need_load_balancer(c, *in.LoadBalancerArn);
  e::DescribeCapacityReservationOutput out;
  out.DecreaseRequestsRemaining = 2;
  out.CapacityReservationState.emplace();  // nothing is reserved
  return out;
}

e::DescribeSSLPoliciesOutput describe_ssl_policies(Elb&, aws::Context&,
                                                   const e::DescribeSSLPoliciesInput& in) {
  if (in.Names && !in.Names->empty()) {
    throw e::SSLPolicyNotFoundException("SSL policy '" + in.Names->front() +
                                        "' not found: Slipway has no HTTPS listeners yet");
  }
  e::DescribeSSLPoliciesOutput out;
  out.SslPolicies.emplace();
  return out;
}

}  // namespace slipway::elb
