// The processes of a container, as `ps -ef` lists them.
#pragma once
#include "codec/json.h"

namespace slipway::docker {

// Those in the pid namespace of the container's first process.
Json processes_json(int first_pid);

}  // namespace slipway::docker
