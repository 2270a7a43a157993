// A layer archive on its way into the content store and onto the disk at once: one thread
// unpacks while others decompress it and write the blob. Memory stays flat, however big the layer.
#pragma once
#include <string>

#include "base/stop.h"
#include "image/image.h"

namespace slipway::image {

// directory: exists and is empty; what is there after an error is the caller's to remove. expected:
// the blob's digest; its bytes are kept as they come then. Without: an archive that is not
// compressed with gzip or zstd is stored as gzip.
Images::Layer stream_layer(ContentStore& content, const ByteSource& source,
                           std::string_view expected, const std::string& directory,
                           const Stop& stop);

}  // namespace slipway::image
