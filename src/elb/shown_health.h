// A target's state as AWS shows it, with AWS's reasons and descriptions.
#pragma once
#include "elb/model.h"

namespace slipway::elb {

// AWS's sentence for a reason; code: what the target answered, for ResponseCodeMismatch.
std::string description_of(const std::string& reason, int code = 0);
// state, reason and its description.
void set_state(TargetRow& row, const std::string& state, const std::string& reason, int code = 0);
// A target of a group that no listener uses is "unused", whatever is stored.
TargetRow shown_health(const TargetRow& row, bool group_in_use);

}  // namespace slipway::elb
