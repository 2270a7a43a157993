// --cache-from: the steps that images made by Slipway carry, taken into a build.
#pragma once
#include "build/job.h"

namespace slipway::build {

// Images that are not here are pulled; what cannot be had is a warning.
void import_images(Job& job);

}  // namespace slipway::build
