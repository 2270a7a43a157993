// The build cache as `docker system df` shows it.
#pragma once
#include "docker/call.h"

namespace slipway::docker {

Json build_cache_json(const Deps& deps);

}  // namespace slipway::docker
