// Layers as a directory tree: the lower directories of an overlay, a read-only mount that COPY
// --from reads, a writable one that a step fills.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "linux/mounts.h"
#include "linux/rooted.h"

namespace slipway::build {

struct Job;
struct StageResult;

// The lower directories of layers, top-most first; never empty.
std::vector<std::string> layer_dirs(Job& job, const StageResult& tree);

// An overlay that lasts as long as the object. upper empty: read-only; else what is written turns
// up there.
class LowerTree {
 public:
  LowerTree(const Job& job, const std::vector<std::string>& lower, const std::string& upper = {});
  const linux::Root& root() const { return *root_; }
  const std::string& path() const { return target_; }

 private:
  std::string target_;
  std::unique_ptr<linux::MountGuard> guard_;
  std::unique_ptr<linux::Root> root_;  // gone before the mount is
};

// A finished stage or an image, mounted read-only.
class MountedTree : public LowerTree {
 public:
  MountedTree(Job& job, const StageResult& tree) : LowerTree(job, layer_dirs(job, tree)) {}
};

// The stage's tree while a step writes to it: what is written turns up in upper.
class WritableTree : public LowerTree {
 public:
  WritableTree(const Job& job, const std::vector<std::string>& lower, const std::string& upper)
      : LowerTree(job, lower, upper) {}
};

}  // namespace slipway::build
