#include "elb/shown_health.h"

namespace slipway::elb {

std::string description_of(const std::string& reason, int code) {
  static const std::map<std::string, std::string> known = {
      {"Elb.RegistrationInProgress", "Target registration is in progress"},
      {"Elb.InitialHealthChecking", "Initial health checks in progress"},
      {"Elb.InternalError", "Health checks failed due to an internal error"},
      {"Target.Timeout", "Request timed out"},
      {"Target.FailedHealthChecks", "Health checks failed"},
      {"Target.NotRegistered", "Target is not registered to the target group"},
      {"Target.NotInUse",
       "Target group is not configured to receive traffic from the load balancer"},
      {"Target.InvalidState", "Target is in the stopped state"},
      {"Target.DeregistrationInProgress", "Target deregistration is in progress"},
      {"Target.HealthCheckDisabled", "Health checks are disabled"},
  };
  if (reason == "Target.ResponseCodeMismatch") {
    return fmt::format("Health checks failed with these codes: [{}]", code);
  }
  const auto found = known.find(reason);
  return found == known.end() ? std::string() : found->second;
}

void set_state(TargetRow& row, const std::string& state, const std::string& reason, int code) {
  row.state = state;
  row.reason = reason;
  row.description = description_of(reason, code);
}

TargetRow shown_health(const TargetRow& row, bool group_in_use) {
  TargetRow out = row;
  if (!group_in_use && row.state != "draining") set_state(out, "unused", "Target.NotInUse");
  return out;
}

}  // namespace slipway::elb
