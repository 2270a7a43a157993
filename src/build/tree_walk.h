// What copying and hashing a tree share.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "build/parser/ignore.h"
#include "linux/rooted.h"

namespace slipway::build {

// excludes may be null.
bool left_out(const Ignore* excludes, const std::string& path);
// True when something below a directory is kept although the directory itself is excluded. shown:
// the path that excludes are about.
bool anything_kept(const linux::Root& root, const std::string& path, const std::string& shown,
                   const Ignore* excludes);

// The extended attributes that belong to an image, sorted.
using Xattrs = std::vector<std::pair<std::string, std::string>>;
Xattrs read_xattrs(int fd);

}  // namespace slipway::build
