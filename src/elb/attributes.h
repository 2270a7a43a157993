// Attributes of load balancers, target groups and listeners: every key AWS knows, its default, what
// it may hold, and which values Slipway cannot honour yet (those are refused, not swallowed).
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "elb/model.h"

namespace slipway::elb {

enum class Holder { load_balancer, target_group, listener };

// All attributes with the set ones over the defaults, in AWS's order.
std::vector<std::pair<std::string, std::string>> all_attributes(Holder holder, const Values& set);
// One value; SLIPWAY_ASSERTs that the key is known.
std::string attribute(Holder holder, const Values& set, std::string_view key);
int64_t number_attribute(Holder holder, const Values& set, std::string_view key);
// Checks and takes over the changes. Throws ValidationError / InvalidConfigurationRequest.
void change_attributes(Holder holder, Values& set,
                       const std::vector<std::pair<std::string, std::string>>& changes);

}  // namespace slipway::elb
