// Applies a layer archive below a directory. Every name goes through linux::Root, so symlinks that
// the archive itself made cannot lead out; the last component is always made new, never followed.
#include "image/unpack.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/whiteout.h"
#include "linux/rooted.h"

namespace slipway::image {

namespace {

constexpr size_t chunk_bytes = 256 * 1024;

// "./a//b/../c" -> "a/c"; throws when ".." would leave the root.
std::string clean_path(std::string_view raw, std::string_view what) {
  if (raw.size() > 4096)
    throw invalid_argument("layer: {} \"{}...\" is longer than 4096 bytes", what,
                           raw.substr(0, 100));
  std::vector<std::string> parts;
  for (auto& part : split(raw, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (parts.empty()) {
      throw invalid_argument("layer: {} \"{}\" leaves the root of the layer", what, raw);
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

class Unpacker {
 public:
  Unpacker(const std::string& directory, TarReader& tar, const Stop& stop,
           const UnpackLimits& limits)
      : root_(directory), tar_(tar), stop_(stop), limits_(limits), buffer_(chunk_bytes) {}

  uint64_t run() {
    TarEntry entry;
    for (uint64_t count = 0; tar_.next(entry); ++count) {
      stop_.throw_if_requested();
      if (count >= limits_.max_entries)
        throw too_large("layer: more than {} entries", limits_.max_entries);
      try {
        apply(entry);
      } catch (const SystemError& e) {
        throw SystemError(e.error_number(), fmt::format("layer: cannot unpack \"{}\"", entry.name));
      }
    }
    set_directory_times();
    return bytes_;
  }

 private:
  using Place = linux::Root::Place;

  void apply(const TarEntry& entry) {
    if (entry.type == TarType::char_device || entry.type == TarType::block_device) return;
    const std::string path = clean_path(entry.name, "entry");
    if (path.empty()) {
      if (entry.type == TarType::directory)
        finish_directory(root_.open("/", O_DIRECTORY), entry, path);
      return;
    }
    const Place place = place_of(path);
    if (place.name.substr(0, whiteout_prefix.size()) == whiteout_prefix)
      whiteout(place);
    else
      make(place, path, entry);
  }

  // Archives hold what is in one directory in a row: it is looked up once.
  Place place_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string_view parent(path.data(), slash == std::string::npos ? 0 : slash);
    if (!parent_ || parent_path_ != parent) {
      Place found = root_.place(path, true);
      parent_path_ = parent;
      parent_ = duplicate(found.directory.get());
      return found;
    }
    return {duplicate(parent_.get()), path.substr(slash == std::string::npos ? 0 : slash + 1)};
  }

  void whiteout(const Place& place) {
    if (place.name == opaque_marker) {
      set_opaque(here(place, "."));
      return;
    }
    if (place.name.substr(0, aufs_prefix.size()) == aufs_prefix) return;
    const std::string hidden = place.name.substr(whiteout_prefix.size());
    if (hidden.empty() || hidden == "." || hidden == "..")
      throw invalid_argument("layer: \"{}\" is not a valid whiteout", place.name);
    struct stat info {};
    if (::fstatat(place.directory.get(), hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      // Whiteouts speak of the layers below; what this layer itself brought stays.
      if (S_ISDIR(info.st_mode)) set_opaque(here(place, hidden));
      return;
    }
    check(::mknodat(place.directory.get(), hidden.c_str(), S_IFCHR, makedev(0, 0)), "mknod {}",
          hidden);
  }

  void make(const Place& place, const std::string& path, const TarEntry& entry) {
    bool was_whiteout = false, kept = false;
    struct stat info {};
    if (::fstatat(place.directory.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      kept = S_ISDIR(info.st_mode) && entry.type == TarType::directory;
      was_whiteout = is_overlay_whiteout(info);
      if (!kept) clear(place, info, entry);
    }
    switch (entry.type) {
      case TarType::file:
        return make_file(place, entry);
      case TarType::directory:
        if (!kept)
          check(::mkdirat(place.directory.get(), place.name.c_str(), 0700), "mkdir {}", path);
        return make_directory(place, path, entry, was_whiteout);
      case TarType::symlink:
        check(::symlinkat(entry.link_target.c_str(), place.directory.get(), place.name.c_str()),
              "symlink {}", path);
        return finish_node(place, entry, false);
      case TarType::hardlink:
        return make_hard_link(place, path, entry);
      case TarType::fifo:
        check(::mkfifoat(place.directory.get(), place.name.c_str(), 0600), "mkfifo {}", path);
        return finish_node(place, entry, true);
      case TarType::char_device:
      case TarType::block_device:
        return;
    }
  }

  void clear(const Place& place, const struct stat& info, const TarEntry& entry) {
    // A link to itself would remove its own target.
    if (entry.type == TarType::hardlink) {
      const Place target = root_.place(clean_path(entry.link_target, "hard link target"));
      struct stat other {};
      if (::fstatat(target.directory.get(), target.name.c_str(), &other, AT_SYMLINK_NOFOLLOW) ==
              0 &&
          other.st_ino == info.st_ino && other.st_dev == info.st_dev && target.name == place.name)
        throw invalid_argument("layer: \"{}\" is a hard link to itself", entry.name);
    }
    if (!S_ISREG(info.st_mode)) parent_.reset();  // it may have been on the way there
    if (S_ISDIR(info.st_mode)) {
      linux::remove_contents(here(place, place.name).get());
      check(::unlinkat(place.directory.get(), place.name.c_str(), AT_REMOVEDIR), "rmdir {}",
            place.name);
    } else {
      check(::unlinkat(place.directory.get(), place.name.c_str(), 0), "unlink {}", place.name);
    }
  }

  // A sparse file of a few bytes may claim to be larger than any disk.
  static void check_room(const Place& place, const TarEntry& entry) {
    if (entry.size < (1u << 20)) return;
    struct statvfs info {};
    check(::fstatvfs(place.directory.get(), &info), "look for free space");
    const uint64_t room = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
    if (entry.size > room)
      throw too_large("layer: \"{}\" has {} bytes, more than the {} that are free", entry.name,
                      entry.size, room);
  }

  void make_file(const Place& place, const TarEntry& entry) {
    check_room(place, entry);
    Fd file(::openat(place.directory.get(), place.name.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    check(file.get(), "create {}", place.name);
    while (const size_t n = tar_.read(buffer_)) {
      stop_.throw_if_requested();
      bytes_ += n;
      if (bytes_ > limits_.max_bytes)
        throw too_large("layer: more than {} bytes of files", limits_.max_bytes);
      write_all(file.get(), std::string_view(buffer_.data(), n));
    }
    finish_open(file, entry);
    const timespec times[2] = {time_of(entry), time_of(entry)};
    check(::futimens(file.get(), times), "set times");
  }

  void make_directory(const Place& place, const std::string& path, const TarEntry& entry,
                      bool was_whiteout) {
    const Fd directory = here(place, place.name);
    if (was_whiteout) set_opaque(directory);
    finish_directory(directory, entry, path);
  }

  void finish_directory(const Fd& directory, const TarEntry& entry, const std::string& path) {
    finish_open(directory, entry);
    directory_times_.emplace_back(path, time_of(entry));
  }

  void make_hard_link(const Place& place, const std::string& path, const TarEntry& entry) {
    const std::string wanted = clean_path(entry.link_target, "hard link target");
    const Place target = root_.place(wanted);
    struct stat info {};
    if (target.name.empty() ||
        ::fstatat(target.directory.get(), target.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      throw invalid_argument("layer: hard link \"{}\" to \"{}\", which this layer does not hold",
                             path, entry.link_target);
    if (S_ISDIR(info.st_mode) || S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
      throw invalid_argument("layer: hard link \"{}\" to \"{}\", which is not a file", path,
                             entry.link_target);
    check(::linkat(target.directory.get(), target.name.c_str(), place.directory.get(),
                   place.name.c_str(), 0),
          "link {}", path);
  }

  // Owner before mode and xattrs: chown clears setuid bits and file capabilities.
  void finish_open(const Fd& fd, const TarEntry& entry) {
    check(::fchown(fd.get(), entry.uid, entry.gid), "chown");
    check(::fchmod(fd.get(), entry.mode & 07777), "chmod");
    for (const auto& [name, value] : entry.xattrs) {
      if (!keeps_xattr(name)) continue;
      if (::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) != 0 &&
          (errno != EOPNOTSUPP || name == "security.capability"))
        throw SystemError(errno, fmt::format("set xattr {}", name));
    }
  }

  void finish_node(const Place& place, const TarEntry& entry, bool has_mode) {
    const int at = place.directory.get();
    const char* name = place.name.c_str();
    check(::fchownat(at, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW), "chown");
    if (has_mode) check(::fchmodat(at, name, entry.mode & 07777, 0), "chmod");
    const timespec times[2] = {time_of(entry), time_of(entry)};
    check(::utimensat(at, name, times, AT_SYMLINK_NOFOLLOW), "set times");
  }

  // Directories get their times last: making what is in them would change them again.
  void set_directory_times() {
    for (auto it = directory_times_.rbegin(); it != directory_times_.rend(); ++it) {
      const timespec times[2] = {it->second, it->second};
      const auto fd = root_.open_if_exists(it->first.empty() ? "/" : it->first,
                                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
      if (fd) ::futimens(fd->get(), times);
    }
  }

  static Fd here(const Place& place, const std::string& name) {
    Fd fd(::openat(place.directory.get(), name.c_str(),
                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    check(fd.get(), "open {}", name);
    return fd;
  }
  static void set_opaque(const Fd& directory) {
    check(::fsetxattr(directory.get(), opaque_xattr, "y", 1, 0), "set {}", opaque_xattr);
  }
  static timespec time_of(const TarEntry& entry) {
    return {static_cast<time_t>(entry.mtime), static_cast<long>(entry.mtime_ns)};
  }

  linux::Root root_;
  Fd parent_;  // of the last entry
  std::string parent_path_;
  TarReader& tar_;
  const Stop& stop_;
  const UnpackLimits& limits_;
  std::vector<char> buffer_;
  std::vector<std::pair<std::string, timespec>> directory_times_;
  uint64_t bytes_ = 0;
};

}  // namespace

UnpackedLayer unpack_layer(const ByteSource& source, const std::string& directory, const Stop& stop,
                           const UnpackLimits& limits, std::string_view algorithm) {
  Hasher hash(algorithm);
  const ByteSource hashed = [&](std::span<char> into) {
    const size_t n = source(into);
    hash.update(std::string_view(into.data(), n));
    return n;
  };
  UnpackedLayer out;
  {
    TarReader tar(hashed);
    out.size = Unpacker(directory, tar, stop, limits).run();
  }
  // The archive's end comes before the stream's: padding counts for the digest.
  std::vector<char> rest(chunk_bytes);
  while (hashed(rest) != 0) stop.throw_if_requested();
  out.diff_id = hash.digest();
  return out;
}

}  // namespace slipway::image
