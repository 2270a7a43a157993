// Getting disk space back, online: what no image and no repository needs goes, while pushes, pulls
// and builds run.
#pragma once
#include "image/image.h"
#include "registry/repositories.h"

namespace slipway::registry {

// Lets go of blobs that no manifest took within a day, then deletes what nobody refers to and
// nobody touched within grace. also_in_use: further claims on blobs and diff ids (may be empty).
// Returns the bytes freed. Call it now and then (each hour).
uint64_t collect(store::Store& store, image::Images& images, const Clock& clock,
                 const std::function<bool(const image::Digest&)>& also_in_use = {},
                 microseconds grace = seconds(24 * 3600));

}  // namespace slipway::registry
