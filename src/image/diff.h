// The layer archive of an overlay upper directory: the reverse of unpack.h.
#pragma once
#include <cstdint>
#include <string>

#include "base/stop.h"
#include "codec/tar.h"

namespace slipway::image {

// Adds everything below upper_dir in a fixed order (names sorted, whole-second times, no access
// times): equal trees give equal archives. Does not call tar.finish(). Returns the bytes of file
// content. Sockets are left out, as Docker does.
uint64_t write_layer(const std::string& upper_dir, TarWriter& tar, const Stop& stop);

}  // namespace slipway::image
