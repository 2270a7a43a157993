// Actions and conditions of rules: checked, and brought into the form in which AWS shows them.
#pragma once
#include "elb/model.h"

namespace slipway::elb {

// Throws ValidationError,
// InvalidLoadBalancerAction, TooManyActions, InvalidConfigurationRequest.
std::vector<e::Action> checked_actions(const std::vector<e::Action>& actions);
// Fills Values and ...Config from each other for host-header and path-pattern.
std::vector<e::RuleCondition> checked_conditions(const std::vector<e::RuleCondition>& conditions);

}  // namespace slipway::elb
