// The checksum of a COPY's sources, and the walk over them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "build/files.h"
#include "build/select.h"
#include "build/tree_walk.h"
#include "codec/hash.h"

namespace slipway::build {

bool left_out(const Ignore* excludes, const std::string& path) {
  return excludes != nullptr && !path.empty() && excludes->excludes(path);
}

bool anything_kept(const linux::Root& root, const std::string& path, const std::string& shown,
                   const Ignore* excludes) {
  if (!left_out(excludes, shown)) return true;
  const auto info = root.lstat(path);
  if (!info || !S_ISDIR(info->st_mode) || !excludes->has_exceptions()) return false;
  for (const auto& name : root.list(path)) {
    if (anything_kept(root, path_below(path, name), path_below(shown, name), excludes)) return true;
  }
  return false;
}

Xattrs read_xattrs(int fd) {
  char names[4096];
  const ssize_t length = ::flistxattr(fd, names, sizeof names);
  Xattrs out;
  for (ssize_t at = 0; at < length;) {
    const std::string name = names + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (name != "security.capability" && !name.starts_with("user.")) continue;
    char value[65536];
    const ssize_t n = ::fgetxattr(fd, name.c_str(), value, sizeof value);
    if (n >= 0) out.emplace_back(name, std::string(value, static_cast<size_t>(n)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

namespace {

std::string hash_file(const linux::Root& root, const std::string& path) {
  Hasher hash;
  const Fd fd = root.open(path, O_RDONLY | O_NOFOLLOW);
  char buffer[131072];
  while (const size_t n = read_some(fd.get(), buffer)) hash.update({buffer, n});
  for (const auto& [name, value] : read_xattrs(fd.get()))
    hash.update(fmt::format("\n{}={}:{}", name, value.size(), value));
  return hash.hex();
}

class TreeHash {
 public:
  TreeHash(const linux::Root& root, const Ignore* excludes, FileSums* files)
      : root_(root), excludes_(excludes), files_(files) {}

  void add(const std::string& path, const std::string& shown, const std::string& filtered) {
    const auto info = path.empty() ? root_.stat(".") : root_.lstat(path);
    if (!info || !anything_kept(root_, path, filtered, excludes_)) return;
    std::string text =
        tree_hash_head(shown, info->st_mode, info->st_uid, info->st_gid,
                       S_ISREG(info->st_mode) ? static_cast<uint64_t>(info->st_size) : 0);
    if (S_ISREG(info->st_mode)) text += hash_file(root_, path);
    if (S_ISLNK(info->st_mode)) text += root_.read_link(path);
    if (S_ISREG(info->st_mode) && info->st_nlink > 1) {  // which names here are one file
      const auto [first, fresh] = links_.try_emplace({info->st_dev, info->st_ino}, shown);
      if (!fresh) text += " = " + first->second;
    }
    hash_.update(text);
    if (files_ != nullptr && !S_ISDIR(info->st_mode))
      files_->emplace_back(path, sha256_hex(text).substr(0, 16));
    if (!S_ISDIR(info->st_mode)) return;
    for (const auto& name : root_.list(path.empty() ? "." : path)) {
      add(path_below(path, name), path_below(shown, name), path_below(filtered, name));
    }
  }
  std::string hex() { return hash_.hex(); }

 private:
  const linux::Root& root_;
  const Ignore* excludes_;
  FileSums* files_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  Hasher hash_;
};

}  // namespace

std::string checksum(const linux::Root& root, const std::vector<Selected>& sources,
                     const Ignore* excludes, FileSums* files) {
  TreeHash hash(root, excludes, files);
  for (const auto& source : sources) {
    // The name matters only for a file: a directory's contents are what is copied.
    if (source.directory) {
      hash.add(root.resolve("/" + source.path).substr(1), source.kept, "");
    } else if (!left_out(excludes, source.base_name)) {
      // A symlink named as a source is followed.
      hash.add(root.resolve("/" + source.path).substr(1), shown_name(source), "");
    }
  }
  return hash.hex();
}

}  // namespace slipway::build
