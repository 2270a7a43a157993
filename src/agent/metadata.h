// The documents of the task metadata endpoint, version 4 (and 3, which is a part of it). Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/record.h"

namespace slipway::agent {

// What the engine adds to a container's record; all may be empty.
struct ContainerFacts {
  std::optional<TimePoint> created;
  uint64_t memory_limit_bytes = 0;
};

nlohmann::json container_metadata(const TaskRecord& task, size_t container,
                                  const ContainerFacts& facts);
nlohmann::json task_metadata(const TaskRecord& task, const std::vector<ContainerFacts>& facts,
                             bool with_tags);

}  // namespace slipway::agent
