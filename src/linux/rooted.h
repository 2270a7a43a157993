// Files strictly below one directory, whatever symlinks and ".." a hostile path or tree holds:
// every look-up is openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), so "/" and ".." mean the root,
// as in a chroot. For image layers, `docker cp`, build contexts and look-ups in a container's root
// (give "/proc/<pid>/root" for a running one). Not for trusted paths (base/files.h).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

#include "base/fd.h"

namespace slipway::linux {

class Root {
 public:
  explicit Root(const std::string& path);  // throws SystemError naming it
  explicit Root(Fd directory) : fd_(std::move(directory)) {}
  int fd() const { return fd_.get(); }

  // openat2 with the rules above; flags as open(2), O_CLOEXEC added. Throws SystemError.
  Fd open(std::string_view path, int flags, unsigned mode = 0644) const;
  std::optional<Fd> open_if_exists(std::string_view path, int flags) const;
  // The directory that holds the last component, and that component ("" for the root itself):
  // for any *at() call not listed here. make: missing directories are made (0755).
  struct Place {
    Fd directory;
    std::string name;
  };
  Place place(std::string_view path, bool make = false) const;

  std::optional<struct stat> stat(std::string_view path) const;   // follows the last component
  std::optional<struct stat> lstat(std::string_view path) const;  // nullopt: absent
  bool exists(std::string_view path) const { return lstat(path).has_value(); }
  std::string read_link(std::string_view path) const;
  std::string read_file(std::string_view path, size_t limit = 16u << 20) const;
  void write_file(std::string_view path, std::string_view text, unsigned mode = 0644) const;
  std::vector<std::string> list(std::string_view path) const;  // names, sorted, no "." and ".."

  void make_directory(std::string_view path, unsigned mode = 0755) const;    // EEXIST throws
  void make_directories(std::string_view path, unsigned mode = 0755) const;  // mkdir -p
  void symlink(const std::string& target, std::string_view path) const;
  void hard_link(std::string_view existing, std::string_view path) const;
  void make_node(std::string_view path, unsigned mode, dev_t device) const;
  void rename(std::string_view from, std::string_view to) const;
  // These act on the last component itself, never on what a symlink points to.
  void change_owner(std::string_view path, uid_t uid, gid_t gid) const;
  void change_mode(std::string_view path, unsigned mode) const;
  void set_times(std::string_view path, timespec access, timespec modify) const;
  void set_xattr(std::string_view path, const std::string& name, std::string_view value) const;

  bool remove(std::string_view path) const;      // file or empty directory; false when absent
  void remove_all(std::string_view path) const;  // a tree, symlinks not followed; absent is fine
  // The path without symlinks, "." and "..", as seen from the root ("/usr/bin/sh"). A missing last
  // component is kept as it is; throws SystemError(ENOENT) when more is missing.
  std::string resolve(std::string_view path) const;

 private:
  Fd fd_;
};

// Removes what is in a directory (not itself), without following symlinks or leaving its mount.
void remove_contents(int directory_fd);

}  // namespace slipway::linux
