// Resource use of a container, in the shape of Docker's stats.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "agent/record.h"
#include "container/engine.h"

namespace slipway::agent {

// null when it does not run.
nlohmann::json container_stats(container::Engine& engine, const ContainerRecord& container);
// The control group of a process from the text of /proc/<pid>/cgroup: of the memory controller, or
// of version 2. Empty when there is none. Pure.
std::string control_group_of(std::string_view proc_cgroup);

}  // namespace slipway::agent
