// Walks a tree by descriptors (a symlink in it is never followed) and writes its archive.
#include "image/diff.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/fd.h"
#include "image/whiteout.h"

namespace slipway::image {

namespace {

constexpr int max_depth = 400;  // one descriptor per level

std::vector<std::string> sorted_names(int directory) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(copy, "open directory");
  DIR* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    ::close(copy);
    throw SystemError(errno, "read directory");
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

// Empty when absent.
std::string xattr(int fd, const char* name) {
  char value[65536];
  const ssize_t n = ::fgetxattr(fd, name, value, sizeof value);
  return n < 0 ? std::string() : std::string(value, static_cast<size_t>(n));
}

class Walker {
 public:
  // layer: the tree is an overlay's upper directory; whiteouts are written as layers have them.
  Walker(TarWriter& tar, const Stop& stop, bool layer, std::optional<int64_t> newest = {})
      : tar_(tar), stop_(stop), layer_(layer), newest_(newest), buffer_(256 * 1024) {}

  void directory(int fd, const std::string& prefix, int depth) {
    if (depth > max_depth)
      throw invalid_argument("layer: directories are nested deeper than {} at {}", max_depth,
                             prefix.substr(0, 200));
    for (const auto& name : sorted_names(fd)) {
      stop_.throw_if_requested();
      entry(fd, name, prefix, depth);
    }
  }
  uint64_t bytes() const { return bytes_; }

  // One entry (and what is below it) as the archive shall call it.
  void one(int parent, const std::string& name, const std::string& as, int depth) {
    struct stat info {};
    check(::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW), "stat {}", as);
    if (S_ISSOCK(info.st_mode)) return;
    TarEntry out = describe(info, as);
    if (newest_ && out.mtime > *newest_) age(parent, name, out);
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
      const auto [first, fresh] = links_.try_emplace({info.st_dev, info.st_ino}, out.name);
      if (!fresh) return hard_link(std::move(out), first->second);
    }
    if (S_ISDIR(info.st_mode)) return sub_directory(parent, name, std::move(out), depth);
    if (S_ISREG(info.st_mode)) return file(parent, name, std::move(out));
    if (S_ISLNK(info.st_mode)) out.link_target = read_link(parent, name);
    tar_.add(out);
  }

 private:
  void entry(int parent, const std::string& name, const std::string& prefix, int depth) {
    if (!layer_) return one(parent, name, prefix + name, depth);
    struct stat info {};
    check(::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW), "stat {}{}", prefix, name);
    if (is_overlay_whiteout(info)) return marker(prefix + std::string(whiteout_prefix) + name);
    if (name.compare(0, whiteout_prefix.size(), whiteout_prefix) == 0)
      throw invalid_argument(
          "layer: the name \"{}{}\" cannot be stored: names that begin with .wh. mark deleted "
          "files",
          prefix, name);
    one(parent, name, prefix + name, depth);
  }

  void age(int parent, const std::string& name, TarEntry& out) const {
    out.mtime = *newest_;
    const timespec time{static_cast<time_t>(*newest_), 0};
    const timespec times[] = {time, time};
    check(::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW), "set the times of {}",
          out.name);
  }

  void hard_link(TarEntry out, const std::string& target) {
    out.type = TarType::hardlink;
    out.link_target = target;
    out.size = 0;
    tar_.add(out);
  }

  void marker(const std::string& name) {
    TarEntry out;
    out.name = name;
    out.mode = 0;
    tar_.add(out);
  }

  void sub_directory(int parent, const std::string& name, TarEntry out, int depth) {
    const Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    check(fd.get(), "open {}", out.name);
    if (layer_ && !xattr(fd.get(), "trusted.overlay.redirect").empty())
      throw unimplemented("layer: {} is a renamed overlay directory (mount with redirect_dir=off)",
                          out.name);
    add_xattrs(fd.get(), out);
    if (!out.name.ends_with('/')) out.name += '/';
    tar_.add(out);
    if (layer_ && xattr(fd.get(), opaque_xattr) == "y")
      marker(out.name + std::string(opaque_marker));
    directory(fd.get(), out.name, depth + 1);
  }

  void file(int parent, const std::string& name, TarEntry out) {
    const Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    check(fd.get(), "open {}", out.name);
    if (layer_ && ::fgetxattr(fd.get(), "trusted.overlay.metacopy", nullptr, 0) >= 0)
      throw unimplemented("layer: {} has its data in a lower layer (mount with metacopy=off)",
                          out.name);
    add_xattrs(fd.get(), out);
    tar_.add(out);
    for (uint64_t left = out.size; left > 0;) {
      stop_.throw_if_requested();
      const size_t want = std::min<uint64_t>(left, buffer_.size());
      size_t n = read_some(fd.get(), std::span(buffer_).first(want));
      if (n == 0) {
        if (layer_) throw conflict("layer: {} became shorter while it was read", out.name);
        // A running container's log that was cut: what is missing reads as zeros.
        std::fill_n(buffer_.begin(), want, '\0');
        n = want;
      }
      tar_.write(std::string_view(buffer_.data(), n));
      left -= n;
      bytes_ += n;
    }
  }

  static TarEntry describe(const struct stat& info, std::string name) {
    TarEntry out;
    out.name = std::move(name);
    out.mode = info.st_mode & 07777;
    out.uid = info.st_uid;
    out.gid = info.st_gid;
    out.mtime = info.st_mtim.tv_sec;
    switch (info.st_mode & S_IFMT) {
      case S_IFDIR:
        out.type = TarType::directory;
        break;
      case S_IFLNK:
        out.type = TarType::symlink;
        break;
      case S_IFIFO:
        out.type = TarType::fifo;
        break;
      case S_IFCHR:
      case S_IFBLK:
        out.type = S_ISCHR(info.st_mode) ? TarType::char_device : TarType::block_device;
        out.device_major = major(info.st_rdev);
        out.device_minor = minor(info.st_rdev);
        break;
      default:
        out.size = static_cast<uint64_t>(info.st_size);
    }
    return out;
  }

  static void add_xattrs(int fd, TarEntry& out) {
    std::string names(65536, '\0');
    const ssize_t n = ::flistxattr(fd, names.data(), names.size());
    if (n < 0 && errno == EOPNOTSUPP) return;
    check(n, "list xattrs of {}", out.name);
    for (size_t at = 0; at < static_cast<size_t>(n);) {
      const std::string name = names.c_str() + at;
      at += name.size() + 1;
      if (keeps_xattr(name)) out.xattrs.emplace_back(name, xattr(fd, name.c_str()));
    }
    std::sort(out.xattrs.begin(), out.xattrs.end());
  }

  static std::string read_link(int parent, const std::string& name) {
    char target[4096];
    const ssize_t n = ::readlinkat(parent, name.c_str(), target, sizeof target);
    check(n, "read link {}", name);
    return std::string(target, static_cast<size_t>(n));
  }

  TarWriter& tar_;
  const Stop& stop_;
  const bool layer_;
  std::optional<int64_t> newest_;
  std::vector<char> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  uint64_t bytes_ = 0;
};

}  // namespace

uint64_t write_layer(const std::string& upper_dir, TarWriter& tar, const Stop& stop,
                     std::optional<int64_t> newest) {
  const Fd root = open_file(upper_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  Walker walker(tar, stop, true, newest);
  walker.directory(root.get(), "", 0);
  return walker.bytes();
}

void write_tree(int parent, const std::string& name, const std::string& as, TarWriter& tar,
                const Stop& stop) {
  Walker(tar, stop, false).one(parent, name, as, 0);
}

void write_contents(int directory, TarWriter& tar, const Stop& stop) {
  Walker(tar, stop, false).directory(directory, "", 0);
}

}  // namespace slipway::image
