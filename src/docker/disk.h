// How much room things take on the disk.
#pragma once
#include <cstdint>
#include <string>

#include "container/engine.h"
#include "docker/call.h"

namespace slipway::docker {

// Bytes of the files below a directory: hard links count once, symlinks as what they hold. 0 when
// it is not there.
uint64_t directory_bytes(const std::string& path);
// What a container wrote.
uint64_t written_bytes(const Deps& deps, const container::Info& info);
// Adds SizeRw and SizeRootFs.
void add_sizes(const Deps& deps, const container::Info& info, Json& json);

}  // namespace slipway::docker
