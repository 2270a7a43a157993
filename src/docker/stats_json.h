// A sample of a container's use in the API's form. Pure.
#pragma once
#include "codec/json.h"
#include "container/engine.h"
#include "container/stats.h"

namespace slipway::docker {

// before: the sample it is compared with; null: none.
Json stats_json(const container::Info& info, const container::Stats& now,
                const container::Stats* before);

}  // namespace slipway::docker
