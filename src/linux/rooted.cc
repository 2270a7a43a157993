// openat2-based look-ups; changes are made by *at() calls on the parent directory so found.
#include "linux/rooted.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "linux/rooted_impl.h"

namespace slipway::linux {
namespace {

int open_in_root(int root, const std::string& path, int flags, unsigned mode) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  // openat2 refuses a mode without O_CREAT, and bits that open(2) would ignore.
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode & 07777;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0; tries < 100; ++tries) {
    const auto fd =
        ::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how);
    // EAGAIN: something was renamed meanwhile and ".." could not be proven safe.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  errno = EAGAIN;
  return -1;
}

void refuse_zero_bytes(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) throw invalid_argument("a path holds a zero byte");
}

// "/proc/self/fd/N": the way to act on an O_PATH descriptor with path-only calls.
std::string fd_path(const Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

bool missing(int error) {
  return error == ENOENT || error == ENOTDIR;
}

}  // namespace

Root::Root(const std::string& path) : fd_(open_file(path, O_PATH | O_DIRECTORY)) {}

Fd Root::open(std::string_view path, int flags, unsigned mode) const {
  refuse_zero_bytes(path);
  return Fd(check(open_in_root(fd_.get(), std::string(path), flags, mode), "open {}", path));
}

std::optional<Fd> Root::open_if_exists(std::string_view path, int flags) const {
  refuse_zero_bytes(path);
  Fd fd(open_in_root(fd_.get(), std::string(path), flags, 0));
  if (fd) return fd;
  if (missing(errno)) return std::nullopt;
  throw SystemError(errno, fmt::format("open {}", path));
}

Root::Place Root::place(std::string_view path, bool make) const {
  refuse_zero_bytes(path);
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? "" : path.substr(0, slash);
  std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  if (name == "." || name == "..") {
    // Only the kernel can say what it means: make it a directory without a last component.
    return Place{open(path, O_PATH | O_DIRECTORY), ""};
  }
  if (make) make_directories(parent);
  return Place{open(parent, O_PATH | O_DIRECTORY), std::move(name)};
}

std::optional<struct stat> Root::stat(std::string_view path) const {
  const auto fd = open_if_exists(path, O_PATH);
  if (!fd) return std::nullopt;
  struct stat info {};
  check(::fstat(fd->get(), &info), "stat {}", path);
  return info;
}

std::optional<struct stat> Root::lstat(std::string_view path) const {
  const auto fd = open_if_exists(path, O_PATH | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  struct stat info {};
  check(::fstat(fd->get(), &info), "stat {}", path);
  return info;
}

std::string Root::read_link(std::string_view path) const {
  const Fd fd = open(path, O_PATH | O_NOFOLLOW);
  std::string target(4096, '\0');
  const auto n =
      check(::readlinkat(fd.get(), "", target.data(), target.size()), "read link {}", path);
  target.resize(static_cast<size_t>(n));
  return target;
}

std::string Root::read_file(std::string_view path, size_t limit) const {
  // O_NONBLOCK: a FIFO in a hostile tree must not hold us.
  const Fd fd = open(path, O_RDONLY | O_NONBLOCK);
  struct stat info {};
  check(::fstat(fd.get(), &info), "stat {}", path);
  if (!S_ISREG(info.st_mode)) throw invalid_argument("{} is not a regular file", path);
  std::string text;
  char buffer[65536];
  while (const size_t n = read_some(fd.get(), buffer)) {
    if (text.size() + n > limit) throw too_large("{} is larger than {} bytes", path, limit);
    text.append(buffer, n);
  }
  return text;
}

void Root::write_file(std::string_view path, std::string_view text, unsigned mode) const {
  const Fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, mode);
  write_all(fd.get(), text);
}

std::vector<std::string> Root::list(std::string_view path) const {
  return rooted::names_in(open(path, O_RDONLY | O_DIRECTORY));
}

void Root::make_directory(std::string_view path, unsigned mode) const {
  const auto at = place(path);
  if (at.name.empty()) throw SystemError(EEXIST, fmt::format("make directory {}", path));
  check(::mkdirat(at.directory.get(), at.name.c_str(), mode), "make directory {}", path);
}

void Root::make_directories(std::string_view path, unsigned mode) const {
  size_t end = 0;
  while (end < path.size()) {
    const auto slash = path.find('/', end);
    const auto here = path.substr(0, slash == std::string_view::npos ? path.size() : slash);
    end = slash == std::string_view::npos ? path.size() : slash + 1;
    if (here.empty() || stat(here)) continue;
    const auto at = place(here);
    if (at.name.empty()) continue;
    if (::mkdirat(at.directory.get(), at.name.c_str(), mode) == -1 && errno != EEXIST)
      throw SystemError(errno, fmt::format("make directory {}", here));
  }
  if (!path.empty()) open(path, O_PATH | O_DIRECTORY);  // a file or dangling link in the way throws
}

void Root::symlink(const std::string& target, std::string_view path) const {
  const auto at = place(path);
  check(::symlinkat(target.c_str(), at.directory.get(), at.name.c_str()), "make link {}", path);
}

void Root::hard_link(std::string_view existing, std::string_view path) const {
  const auto from = place(existing);
  const auto to = place(path);
  check(::linkat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(), 0),
        "link {} to {}", path, existing);
}

void Root::make_node(std::string_view path, unsigned mode, dev_t device) const {
  const auto at = place(path);
  check(::mknodat(at.directory.get(), at.name.c_str(), mode, device), "make node {}", path);
}

void Root::rename(std::string_view from, std::string_view to) const {
  const auto a = place(from);
  const auto b = place(to);
  check(::renameat(a.directory.get(), a.name.c_str(), b.directory.get(), b.name.c_str()),
        "rename {} to {}", from, to);
}

void Root::change_owner(std::string_view path, uid_t uid, gid_t gid) const {
  const Fd fd = open(path, O_PATH | O_NOFOLLOW);
  check(::fchownat(fd.get(), "", uid, gid, AT_EMPTY_PATH), "change owner of {}", path);
}

void Root::change_mode(std::string_view path, unsigned mode) const {
  const Fd fd = open(path, O_PATH | O_NOFOLLOW);
  struct stat info {};
  check(::fstat(fd.get(), &info), "stat {}", path);
  if (S_ISLNK(info.st_mode)) return;  // a link's mode is never looked at
  check(::chmod(fd_path(fd).c_str(), mode), "change mode of {}", path);
}

void Root::set_times(std::string_view path, timespec access, timespec modify) const {
  const Fd fd = open(path, O_PATH | O_NOFOLLOW);
  const timespec times[2] = {access, modify};
  check(::utimensat(fd.get(), "", times, AT_EMPTY_PATH), "set times of {}", path);
}

void Root::set_xattr(std::string_view path, const std::string& name, std::string_view value) const {
  const auto at = place(path);
  // The parent is a magic link of ours; the last component is not followed (lsetxattr).
  const std::string full =
      fd_path(at.directory) + (at.name.empty() ? std::string("/.") : "/" + at.name);
  check(::lsetxattr(full.c_str(), name.c_str(), value.data(), value.size(), 0), "set {} of {}",
        name, path);
}

bool Root::remove(std::string_view path) const {
  if (!lstat(path)) return false;
  const auto at = place(path);
  if (at.name.empty()) throw invalid_argument("cannot remove {}: it is the root itself", path);
  if (::unlinkat(at.directory.get(), at.name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  if (errno != EISDIR && errno != EPERM) throw SystemError(errno, fmt::format("remove {}", path));
  check(::unlinkat(at.directory.get(), at.name.c_str(), AT_REMOVEDIR), "remove {}", path);
  return true;
}

void Root::remove_all(std::string_view path) const {
  if (!lstat(path)) return;
  const auto at = place(path);
  if (at.name.empty()) throw invalid_argument("cannot remove {}: it is the root itself", path);
  rooted::remove_tree_at(at.directory.get(), at.name);
}

}  // namespace slipway::linux
