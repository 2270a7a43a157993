// How layer archives and overlayfs each say "this is gone".
#pragma once
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace slipway::image {

inline constexpr std::string_view whiteout_prefix = ".wh.";
inline constexpr std::string_view opaque_marker = ".wh..wh..opq";
inline constexpr std::string_view aufs_prefix = ".wh..wh.";  // aufs' own bookkeeping
inline constexpr const char* opaque_xattr = "trusted.overlay.opaque";

inline bool is_overlay_whiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
}
// The extended attributes that belong to an image.
inline bool keeps_xattr(std::string_view name) {
  return name == "security.capability" ||
         (name.substr(0, 5) == "user." && name.substr(0, 13) != "user.overlay.");
}

}  // namespace slipway::image
