#include "build/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/files.h"
#include "build/parser/suggest.h"
#include "build/select.h"
#include "build/tar_index.h"
#include "codec/tar.h"
#include "linux/mounts.h"

namespace slipway::build {

namespace {

constexpr size_t kMostArchive = 32u << 20, kMostMemory = 128u << 20;

// Reads up to kMostArchive bytes; whether that is all of it.
bool read_start(const ByteSource& tar, std::string& start) {
  char buffer[65536];
  while (start.size() <= kMostArchive) {
    const size_t n = tar(buffer);
    if (n == 0) return true;
    start.append(buffer, n);
  }
  return false;
}

constexpr unsigned kMoveEmptyPath = 4;  // MOVE_MOUNT_F_EMPTY_PATH

// A directory that is left out stays as long as something below it is kept.
void drop_ignored(const linux::Root& root, const Ignore& ignore, const std::string& dir) {
  for (const auto& name : root.list(dir.empty() ? "." : dir)) {
    const std::string path = dir.empty() ? name : dir + "/" + name;
    const bool out = ignore.excludes(path);
    const auto info = root.lstat(path);
    const bool directory = info && S_ISDIR(info->st_mode);
    if (out && (!directory || !ignore.has_exceptions())) {
      root.remove_all(path);
    } else if (directory) {
      drop_ignored(root, ignore, path);
      if (out && root.list(path).empty()) root.remove_all(path);
    }
  }
}

}  // namespace

Context::Context(const std::string& parent, const ByteSource& tar, const std::string& dockerfile)
    : parent_(parent), dockerfile_(dockerfile) {
  std::string start;
  const bool whole = read_start(tar, start);
  if (whole) {
    archive_ = std::make_shared<const std::string>(std::move(start));
    index_ = TarIndex::read(source_of_string(*archive_),
                            {dockerfile, dockerfile + ".dockerignore", ".dockerignore"});
    if (index_ == nullptr) unpack();
    return;
  }
  size_t used = 0;
  unpack_on_disk([&](std::span<char> into) {
    if (used == start.size()) return tar(into);
    const size_t n = std::min(into.size(), start.size() - used);
    std::memcpy(into.data(), start.data() + used, n);
    used += n;
    return n;
  });
}

Context::~Context() {
  try {
    root_.reset();
    mounted_.reset();
    if (!path_.empty()) remove_tree(path_);
  } catch (const std::exception&) {  // the next start sweeps the folder
  }
}

// False: it does not fit, or there is no right to make a file system.
bool Context::unpack_in_memory(std::string_view tar) const {
  try {
    root_ = std::make_unique<linux::Root>(linux::memory_tree(kMostMemory));
    unpack_tar(*root_, "", source_of_string(tar));
    return true;
  } catch (const SystemError&) {
    root_.reset();
    return false;
  } catch (const Error& e) {
    root_.reset();
    if (e.kind() != Kind::too_large) throw;
    return false;
  }
}

void Context::unpack_on_disk(const ByteSource& tar) const {
  path_ = parent_ + "/context-" + random_hex(16);
  make_directories(path_, 0700);
  try {
    root_ = std::make_unique<linux::Root>(path_);
    unpack_tar(*root_, "", tar);
  } catch (...) {
    remove_tree(path_);
    throw;
  }
}

void Context::unpack() const {
  if (!unpack_in_memory(*archive_)) unpack_on_disk(source_of_string(*archive_));
  archive_.reset();
  drop_left_out();
}

void Context::drop_left_out() const {
  if (!ignore_.empty()) drop_ignored(*root_, ignore_, "");
  for (const auto& name : left_out_) root_->remove_all(name);
}

const linux::Root& Context::root() const {
  const std::lock_guard lock(mutex_);
  if (root_ == nullptr) unpack();
  return *root_;
}

std::optional<std::string> Context::read_file(const std::string& name) const {
  if (index_ != nullptr) {
    if (const auto* text = index_->text(name)) return *text;
    if (root_ == nullptr && name != dockerfile_) return std::nullopt;  // it would have been kept
  }
  if (!root().stat(name)) return std::nullopt;
  return root().read_file(name);
}

void Context::apply_ignore() {
  for (const std::string& name : {dockerfile_ + ".dockerignore", std::string(".dockerignore")}) {
    const auto text = read_file(name);
    if (!text) continue;
    ignore_ = Ignore::parse(*text);
    ignore_name_ = name;
    if (index_ != nullptr) index_->drop(ignore_);
    if (root_ != nullptr) drop_left_out();
    return;
  }
}

void Context::leave_out(const std::string& name) {
  left_out_.push_back(name);
  if (index_ != nullptr) index_->remove(name);
  if (root_ != nullptr) root_->remove_all(name);
}

std::shared_ptr<const std::string> Context::archive() const {
  const std::lock_guard lock(mutex_);
  return archive_;
}

std::string Context::why_missing(const std::string& pattern) const {
  const std::string context = shown_name_.empty() ? "the build context" : "context " + shown_name_;
  const auto parts = source_parts(pattern);
  const std::string path = join(parts, "/");
  const auto hidden = has_wildcard(path) ? std::nullopt : ignore_.decided_by(path);
  if (hidden)
    return fmt::format("{} line {} (\"{}\") leaves it out of {}", ignore_name_, hidden->line,
                       hidden->text, context);
  if (parts.empty()) return "";
  std::vector<std::string> names;
  if (index_ != nullptr) {
    names = index_->names_near(join({parts.begin(), parts.end() - 1}, "/"));
  } else {
    names = root().list(".");
  }
  std::string out = context + " has no such file" + did_you_mean(parts.back(), names);
  if (parts.size() > 1) out += did_you_mean(parts.front(), names);
  return out;
}

std::string Context::checksum(const std::string& pattern, bool parents, const Ignore* excludes,
                              FileSums* files) const {
  try {
    return checksum_of(pattern, parents, excludes, files);
  } catch (const NothingSelected& e) {
    const std::string why = why_missing(pattern);
    throw Error(e.kind(), why.empty() ? e.what() : fmt::format("{} ({})", e.what(), why));
  }
}

std::string Context::checksum_of(const std::string& pattern, bool parents, const Ignore* excludes,
                                 FileSums* files) const {
  if (index_ != nullptr) {
    if (auto sum = index_->checksum(pattern, parents, excludes, files)) return *sum;
  }
  return build::checksum(root(), select(root(), pattern, parents), excludes, files);
}

std::string Context::path(const std::string& parent) const {
  const int fd = root().fd();
  if (!path_.empty()) return path_;
  const std::lock_guard lock(mutex_);
  if (mounted_ == nullptr) {
    mount_point_ = parent + "/context-" + random_hex(8);
    make_directories(mount_point_, 0700);
    check(::syscall(SYS_move_mount, fd, "", AT_FDCWD, mount_point_.c_str(), kMoveEmptyPath),
          "mount the build context");
    mounted_ = std::make_unique<linux::MountGuard>(mount_point_);
  }
  return mount_point_;
}

void Context::unmount() const {
  const std::lock_guard lock(mutex_);
  mounted_.reset();
}

}  // namespace slipway::build
