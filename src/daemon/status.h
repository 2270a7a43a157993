// What runs, as JSON for `slipway status`: clusters with services, load balancers with targets,
// containers, and problems in words.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "daemon/parts.h"

namespace slipway::daemon {

nlohmann::json status_of(const Parts& parts);

}  // namespace slipway::daemon
