// --change of docker commit and docker import: Dockerfile instructions that alter an image's
// configuration and nothing else.
#pragma once
#include <string>
#include <vector>

#include "image/image.h"

namespace slipway::docker {

// Throws Error(invalid_argument) in Docker's words on what is no such instruction.
void apply_changes(image::Config& config, const std::vector<std::string>& changes);

}  // namespace slipway::docker
