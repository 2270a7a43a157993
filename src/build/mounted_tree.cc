#include "build/mounted_tree.h"

#include "base/files.h"
#include "base/ids.h"
#include "build/job.h"

namespace slipway::build {

std::vector<std::string> layer_dirs(Job& job, const StageResult& tree) {
  image::Image image;
  image.config.diff_ids = tree.config.diff_ids;
  image.layers = tree.layers;
  auto dirs = job.deps.images.unpack(image, job.stop);
  if (dirs.empty()) {
    dirs.push_back(job.deps.root + "/empty");
    make_directories(dirs.back());
  }
  return dirs;
}

LowerTree::LowerTree(const Job& job, const std::vector<std::string>& lower,
                     const std::string& upper)
    : target_(job.work_dir + "/mount-" + random_hex(8)) {
  make_directories(target_);
  linux::Overlay overlay;
  overlay.lower = lower;
  if (!upper.empty()) {
    overlay.upper = upper;
    overlay.work = upper + "-work";
    make_directories(overlay.work);
  }
  linux::mount_overlay(overlay, target_);
  guard_ = std::make_unique<linux::MountGuard>(target_);
  root_ = std::make_unique<linux::Root>(target_);
}

}  // namespace slipway::build
