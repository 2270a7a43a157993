// The directories and empty files that mounts of a RUN need and its tree does not have, as a layer
// to be put on top of the tree for that RUN alone.
#pragma once
#include <string>

#include "linux/rooted.h"

namespace slipway::build {

class MountPoints {
 public:
  // tree: what the container would see. layer: an empty directory that becomes the layer.
  MountPoints(const linux::Root& tree, linux::Root layer) : tree_(tree), layer_(std::move(layer)) {}
  void add(const std::string& target, bool directory);
  bool any() const { return any_; }

 private:
  void like_in_tree(const std::string& path);
  const linux::Root& tree_;
  linux::Root layer_;
  bool any_ = false;
};

}  // namespace slipway::build
