// Mounts: bind, overlay with any number of layers, unmount, list. Paths are trusted here (resolve
// hostile ones with rooted.h first and give "/proc/self/fd/N"). Mounts made here are private.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace slipway::linux {

// mount(2) with an error that names everything.
void mount(const std::string& source, const std::string& target, const std::string& type,
           unsigned long flags, const std::string& data = {});
void bind_mount(const std::string& source, const std::string& target, bool read_only = false,
                bool recursive = false);
void remount_read_only(const std::string& target);
void make_private(const std::string& target, bool recursive = true);

struct Overlay {
  std::vector<std::string>
      lower{};                  // top-most first; any number (the new mount API takes each alone)
  std::string upper{}, work{};  // both empty: read-only
  std::vector<std::string> options{};  // "volatile", "metacopy=off", ...
};
// A single lower directory without upper becomes a read-only bind mount. Target must exist.
void mount_overlay(const Overlay& overlay, const std::string& target);
// The same by mount(2), as mount_overlay does it on kernels before 6.7: all options fit into one
// page, so layers are named by open descriptors when their paths are too long.
void mount_overlay_classic(const Overlay& overlay, const std::string& target);
bool overlay_supported();
// An empty file system in memory that is mounted nowhere: it lives as long as files of it are open.
Fd memory_tree(size_t bytes);

// Not mounted: false. lazy: MNT_DETACH.
bool unmount(const std::string& target, bool lazy = true);
// Everything mounted at or below prefix, deepest first, also stacked mounts.
void unmount_below(const std::string& prefix);

struct MountEntry {
  uint64_t id = 0, parent = 0;
  std::string root, target, options, type, source, super_options;
};
// /proc/self/mountinfo with octal escapes decoded; only at or below prefix (empty: all).
std::vector<MountEntry> list_mounts(std::string_view prefix = {});
std::vector<MountEntry> parse_mountinfo(std::string_view text);  // malformed lines are skipped
bool is_mount_point(const std::string& path);

// Unmounts at scope end unless kept.
class MountGuard {
 public:
  explicit MountGuard(std::string target) : target_(std::move(target)) {}
  MountGuard(MountGuard&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  MountGuard& operator=(MountGuard&&) = delete;
  ~MountGuard();
  void keep() { target_.clear(); }

 private:
  std::string target_;
};

}  // namespace slipway::linux
