// docker save: images as one tar that is an OCI layout and a Docker archive at once. Blobs go out
// as they lie in the content store.
#pragma once
#include <functional>
#include <vector>

#include "base/stop.h"
#include "image/image.h"

namespace slipway::image {

struct SavedImage {
  Image image;
  std::vector<Reference> tags;  // that it is saved under; none: by id alone
};

void save_archive(const ContentStore& content, const std::vector<SavedImage>& images,
                  const ByteSink& sink, const Stop& stop);

}  // namespace slipway::image
