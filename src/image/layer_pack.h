// A directory into the content store as a layer's blob: the reverse of layer_stream.h.
#pragma once
#include <string>

#include "base/stop.h"
#include "image/image.h"

namespace slipway::image {

// directory: an overlay's upper directory; it stays as it is.
Images::Layer pack_layer(ContentStore& content, const std::string& directory, const Stop& stop,
                         const Images::LayerOptions& options);

}  // namespace slipway::image
