// Listing and removing directories below an open one, without following symlinks.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "linux/rooted.h"
#include "linux/rooted_impl.h"

namespace slipway::linux {
namespace {

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, DirCloser>;

// Takes a directory descriptor over.
Dir read_dir(Fd fd) {
  DIR* dir = ::fdopendir(fd.get());
  if (dir == nullptr) throw SystemError(errno, "read a directory");
  fd.release();
  return Dir(dir);
}

Fd open_directory_at(int parent, const std::string& name) {
  return Fd(check(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK),
      "open directory {}", name));
}

// Depth is held on the heap (a hostile tree may be deeper than the stack) with one directory open
// per level; what lies deeper than max_depth is first moved up into the tree's top.
constexpr size_t max_depth = 100;
struct Level {
  Fd fd;
  std::string name;
  std::vector<std::string> left;
};

// False: it is a directory.
bool unlinked(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) throw SystemError(errno, "remove " + name);
  return false;
}

Level enter(int parent, const std::string& name, dev_t device) {
  Fd fd = open_directory_at(parent, name);
  struct stat info {};
  check(::fstat(fd.get(), &info), "stat {}", name);
  if (info.st_dev != device) throw conflict("{} is on another file system: unmount it first", name);
  auto names = rooted::names_in(duplicate(fd.get()));
  return {std::move(fd), name, std::move(names)};
}

}  // namespace

namespace rooted {

std::vector<std::string> names_in(Fd fd) {
  const Dir dir = read_dir(std::move(fd));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw SystemError(errno, "read a directory");
  std::sort(names.begin(), names.end());
  return names;
}

void remove_tree_at(int parent, const std::string& name) {
  if (unlinked(parent, name)) return;
  struct stat info {};
  check(::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW), "stat {}", name);
  std::vector<Level> levels;
  levels.push_back(enter(parent, name, info.st_dev));
  int moves = 0;
  while (!levels.empty()) {
    auto& top = levels.back();
    const int at = top.fd.get();
    if (top.left.empty()) {
      const std::string done = top.name;
      levels.pop_back();
      const int above = levels.empty() ? parent : levels.back().fd.get();
      check(::unlinkat(above, done.c_str(), AT_REMOVEDIR), "remove directory {}", done);
      continue;
    }
    const std::string next = std::move(top.left.back());
    top.left.pop_back();
    if (unlinked(at, next)) continue;
    if (levels.size() < max_depth) {
      levels.push_back(enter(at, next, info.st_dev));
      continue;
    }
    auto& first = levels.front();
    const std::string moved = fmt::format(".slipway-remove-{}", moves++);
    check(::renameat(at, next.c_str(), first.fd.get(), moved.c_str()), "remove {}", next);
    first.left.push_back(moved);
  }
}

}  // namespace rooted

void remove_contents(int directory_fd) {
  for (const auto& name : rooted::names_in(open_directory_at(directory_fd, ".")))
    rooted::remove_tree_at(directory_fd, name);
}

}  // namespace slipway::linux
