// One layer archive into one directory, as overlayfs wants it: whiteouts become character devices
// 0:0, opaque markers the xattr trusted.overlay.opaque. The archive is hostile: nothing it names is
// made, changed, linked or removed outside the directory.
#pragma once
#include <cstdint>
#include <string>

#include "base/stop.h"
#include "codec/compress.h"
#include "image/image.h"

namespace slipway::image {

struct UnpackLimits {
  uint64_t max_entries = 5'000'000;
  uint64_t max_bytes = 256ull << 30;  // of file content: a small archive must not fill every disk
};

struct UnpackedLayer {
  Digest diff_id;     // sha256 of everything the source gave, to its end
  uint64_t size = 0;  // bytes of file content
};

// source: the uncompressed archive. directory: exists and is empty. Device nodes are not made
// (containers get their own /dev), nor xattrs other than security.capability and user.*. On an
// error what is there is the caller's to remove.
UnpackedLayer unpack_layer(const ByteSource& source, const std::string& directory, const Stop& stop,
                           const UnpackLimits& limits = {}, std::string_view algorithm = "sha256");

}  // namespace slipway::image
