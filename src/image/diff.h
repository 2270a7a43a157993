// Archives of trees: the layer of an overlay upper directory (the reverse of unpack.h), and plain
// ones of what a container has.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/stop.h"
#include "codec/tar.h"

namespace slipway::image {

// Adds everything below upper_dir in a fixed order (names sorted, whole-second times, no access
// times): equal trees give equal archives. Does not call tar.finish(). Returns the bytes of file
// content. Sockets are left out, as Docker does.
// With newest, no file is younger: later times become it, in the archive and on the disk.
uint64_t write_layer(const std::string& upper_dir, TarWriter& tar, const Stop& stop,
                     std::optional<int64_t> newest = {});

// Adds an entry of a directory, and everything below it, under another name ("etc", "etc/hosts").
// A file that is cut while it is read is filled up with zeros.
void write_tree(int parent, const std::string& name, const std::string& as, TarWriter& tar,
                const Stop& stop);
// Everything in a directory, without the directory itself.
void write_contents(int directory, TarWriter& tar, const Stop& stop);

}  // namespace slipway::image
