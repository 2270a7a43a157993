// docker load: an image archive as it streams in. Layers go into the content store and onto the
// disk while they arrive; nothing is kept in memory but the small JSON members.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "image/image.h"
#include "image/manifest.h"

namespace slipway::image {

struct LoadedImage {
  std::string id;
  std::vector<Reference> tags;
};

struct LoadEvents {
  // A layer is being read: bytes so far, and all of them.
  std::function<void(const std::string& name, uint64_t current, uint64_t total)> layer;
  // An image that had this tag loses it to another.
  std::function<void(const Reference& tag, const std::string& old_id)> renamed;
};

// source: the archive, compressed or not. Docker archives of any age since 1.10, those of podman
// and skopeo, and OCI layouts. Throws Error(invalid_argument) saying what is wrong with it.
// platform: which image of an index is meant.
std::vector<LoadedImage> load_archive(Images& images, const ByteSource& source,
                                      const Platform& platform, const LoadEvents& events,
                                      const Stop& stop);

}  // namespace slipway::image
