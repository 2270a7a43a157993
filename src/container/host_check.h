// Whether a container's less common options make sense. The texts are Docker's.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "container/engine.h"

namespace slipway::container {

// Throws Error(invalid_argument); does not look at other containers.
void check_host_options(const Spec& spec);

// Log options of json-file and local.
struct LogLimits {
  uint64_t max_size = 0;  // 0: no rotation
  int max_files = 1;
};
// Throws Error(invalid_argument) on what cannot be.
LogLimits log_limits(const Spec& spec);
// "10m", "512k", "1g", "100"; nullopt when malformed.
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace slipway::container
