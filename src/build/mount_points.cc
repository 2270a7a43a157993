#include "build/mount_points.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::build {

// A directory that the tree has too must look the same on top of it.
void MountPoints::like_in_tree(const std::string& path) {
  if (layer_.exists(path)) return;
  layer_.make_directory(path, 0755);
  const auto info = tree_.stat(path);
  if (!info) return;
  layer_.change_owner(path, info->st_uid, info->st_gid);
  layer_.change_mode(path, info->st_mode & 07777);
  layer_.set_times(path, info->st_mtim, info->st_mtim);
}

void MountPoints::add(const std::string& target, bool directory) {
  if (tree_.stat(target)) return;
  // What exists of it, without symlinks; the rest is made below that.
  const auto parts = split(target.substr(1), '/');
  std::string real = "/";
  size_t i = 0;
  for (; i < parts.size(); ++i) {
    const std::string next = (real == "/" ? "" : real) + "/" + parts[i];
    const auto info = tree_.stat(next);
    if (!info) break;
    if (!S_ISDIR(info->st_mode))
      throw invalid_argument("RUN --mount: {} is not a directory, so {} cannot be a target", next,
                             target);
    real = tree_.resolve(next);
  }
  std::string path;
  for (const auto& part : split(real.substr(1), '/')) {
    if (part.empty()) continue;
    path += "/" + part;
    like_in_tree(path);
  }
  for (; i + 1 < parts.size(); ++i) {
    path += "/" + parts[i];
    if (!layer_.exists(path)) layer_.make_directory(path, 0755);
  }
  path += "/" + parts.back();
  any_ = true;
  if (layer_.exists(path)) return;
  if (directory) {
    layer_.make_directory(path, 0755);
  } else {
    layer_.write_file(path, "", 0644);
  }
}

}  // namespace slipway::build
