#include "build/mounted_tree.h"

#include "base/files.h"
#include "base/ids.h"
#include "build/stage.h"

namespace slipway::build {

namespace {

std::string make_target(const std::string& dir) {
  const std::string target = dir + "/mount-" + random_hex(8);
  make_directories(target);
  return target;
}

}  // namespace

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

MountedTree::MountedTree(Job& job, const StageResult& tree) : target_(make_target(job.work_dir)) {
  linux::Overlay overlay;
  overlay.lower = layer_dirs(job, tree);
  linux::mount_overlay(overlay, target_);
  guard_ = std::make_unique<linux::MountGuard>(target_);
  root_ = std::make_unique<linux::Root>(target_);
}

WritableTree::WritableTree(const Job& job, const std::vector<std::string>& lower,
                           const std::string& upper)
    : target_(make_target(job.work_dir)) {
  const std::string work = upper + "-work";
  make_directories(work);
  linux::mount_overlay({lower, upper, work, {}}, target_);
  guard_ = std::make_unique<linux::MountGuard>(target_);
  root_ = std::make_unique<linux::Root>(target_);
}

}  // namespace slipway::build
