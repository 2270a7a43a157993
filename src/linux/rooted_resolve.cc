// Root::resolve: asks the kernel where a path ends up, then names that place from the root.
#include <fcntl.h>

#include "base/error.h"
#include "linux/rooted.h"

namespace slipway::linux {
namespace {

std::string kernel_name(int fd) {
  std::string target(4096, '\0');
  const auto link = fmt::format("/proc/self/fd/{}", fd);
  const auto n = check(::readlink(link.c_str(), target.data(), target.size()), "read {}", link);
  target.resize(static_cast<size_t>(n));
  return target;
}

// How the kernel calls `inside`, less how it calls the root. Both names are read through our own
// descriptors, so a rename in between can only make it throw.
std::string below(int root, int inside) {
  const std::string base = kernel_name(root);
  const std::string full = kernel_name(inside);
  if (base == "/") return full;
  if (full == base) return "/";
  if (!full.starts_with(base + "/"))
    throw conflict("a path changed while it was looked up: {}", full);
  return full.substr(base.size());
}

}  // namespace

std::string Root::resolve(std::string_view path) const {
  if (const auto fd = open_if_exists(path, O_PATH)) return below(fd_.get(), fd->get());
  const auto at = place(path);
  std::string parent = below(fd_.get(), at.directory.get());
  if (parent != "/") parent += '/';
  return parent + at.name;
}

}  // namespace slipway::linux
