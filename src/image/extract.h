// A plain archive into a directory of a tree (docker cp, docker import's check): what is there is
// merged with or replaced. The archive is hostile, and so is the tree: symlinks of either mean what
// they mean inside the tree's root. No whiteouts here: layers are unpacked by unpack.h.
#pragma once
#include <optional>
#include <string>
#include <utility>

#include "base/stop.h"
#include "codec/compress.h"
#include "linux/rooted.h"

namespace slipway::image {

struct ExtractOptions {
  // A directory is not replaced by something else, nor something else by a directory.
  bool keep_kinds = false;
  // Instead of the owners in the archive.
  std::optional<std::pair<uint32_t, uint32_t>> owner;
};

// source: the archive, compressed or not. directory: seen from the root; exists.
void extract_archive(const ByteSource& source, const linux::Root& root,
                     const std::string& directory, const ExtractOptions& options, const Stop& stop);

}  // namespace slipway::image
