#include "build/plain_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "build/tree_walk.h"

namespace slipway::build {

namespace {

constexpr size_t kPlainBuffer = 128 * 1024;
constexpr nlink_t kMostNames = 30'000;  // ext4 allows 65,000 for one file

timespec node_time(const TarIndex::Node& node) {
  return {static_cast<time_t>(node.mtime), static_cast<long>(node.mtime_ns)};
}

}  // namespace

void set_plain_times(int folder, const std::string& path, const TarIndex::Node& node) {
  const timespec times[] = {node_time(node), node_time(node)};
  check(::utimensat(folder, path.c_str(), times, AT_SYMLINK_NOFOLLOW), "set the times of {}", path);
}

PlainFiles::PlainFiles(int upper, const std::string& earlier)
    : upper_(upper), buffer_(kPlainBuffer), other_(kPlainBuffer) {
  if (!earlier.empty()) earlier_ = std::make_unique<linux::Root>(earlier);
}

Fd PlainFiles::candidate(const std::string& target, const TarIndex::Node& node, uint32_t mode,
                         const Owner& owner) {
  if (earlier_ == nullptr) return {};
  const auto slash = target.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash);
  if (folder != folder_) {
    folder_ = folder;
    folder_fd_.reset();
    try {  // its symlinks lead nowhere outside
      if (auto fd = earlier_->open_if_exists(folder, O_PATH | O_DIRECTORY))
        folder_fd_ = std::move(*fd);
    } catch (const SystemError&) {
    }
  }
  if (!folder_fd_) return {};
  const char* name = target.c_str() + (slash == std::string::npos ? 0 : slash + 1);
  Fd fd(::openat(folder_fd_.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return {};
  const timespec time = node_time(node);
  const bool same = S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) == node.size &&
                    (info.st_mode & 07777) == mode && info.st_uid == owner.uid &&
                    info.st_gid == owner.gid && info.st_mtim.tv_sec == time.tv_sec &&
                    info.st_mtim.tv_nsec == time.tv_nsec && info.st_nlink < kMostNames &&
                    read_xattrs(fd.get()).empty();
  if (!same) fd.reset();
  return fd;
}

bool PlainFiles::equals(int fd, uint64_t offset, size_t bytes) {
  size_t have = 0;
  while (have < bytes) {
    const ssize_t n =
        ::pread(fd, other_.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (n <= 0) return false;
    have += static_cast<size_t>(n);
  }
  return std::memcmp(buffer_.data(), other_.data(), bytes) == 0;
}

void PlainFiles::copy_start(int from, int to, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes;) {
    const size_t want = std::min<uint64_t>(bytes - done, other_.size());
    const ssize_t n = ::pread(from, other_.data(), want, static_cast<off_t>(done));
    if (check(n, "read a file of an earlier layer") == 0)
      throw internal("a file of an earlier layer became shorter");
    write_all(to, {other_.data(), static_cast<size_t>(n)});
    done += static_cast<uint64_t>(n);
  }
}

void PlainFiles::make(const std::string& target, const TarIndex::Node& node, uint32_t mode,
                      const Owner& owner, TarReader& data) {
  const Fd same = candidate(target, node, mode, owner);
  uint64_t equal = 0;
  size_t n = data.read(buffer_);
  while (same && n > 0 && equals(same.get(), equal, n)) {
    equal += n;
    n = data.read(buffer_);
  }
  if (same && n == 0 && equal == node.size &&
      ::linkat(same.get(), "", upper_, target.c_str(), AT_EMPTY_PATH) == 0)
    return;
  const Fd out(
      ::openat(upper_, target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  check(out.get(), "make {}", target);
  if (equal > 0) copy_start(same.get(), out.get(), equal);
  for (; n > 0; n = data.read(buffer_)) write_all(out.get(), {buffer_.data(), n});
  if (owner.uid != ::geteuid() || owner.gid != ::getegid())
    check(::fchown(out.get(), owner.uid, owner.gid), "change the owner of {}", target);
  check(::fchmod(out.get(), mode), "change the mode of {}", target);
  const timespec times[] = {node_time(node), node_time(node)};
  check(::futimens(out.get(), times), "set the times of {}", target);
}

}  // namespace slipway::build
