#include "build/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

Fd create_file(const linux::Root& root, const std::string& path) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return root.open(path, flags, 0600);
  } catch (const SystemError&) {  // no such folder yet, or something is there already
  }
  root.place(path, true);
  root.remove_all(path);
  return root.open(path, flags, 0600);
}

// A sparse file of a few bytes may claim to be larger than any disk.
void check_room(const linux::Root& root, const TarEntry& entry) {
  if (entry.size < (1u << 20)) return;
  struct statvfs info {};
  check(::fstatvfs(root.fd(), &info), "look for free space");
  const uint64_t room = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (entry.size > room)
    throw too_large("{} of the archive has {} bytes, more than the {} that are free", entry.name,
                    entry.size, room);
}

// Through one descriptor: contexts of thousands of small files are common.
void write_entry(const linux::Root& root, const std::string& path, const TarEntry& entry,
                 TarReader& reader, const Owner& owner) {
  check_room(root, entry);
  const Fd fd = create_file(root, path);
  char buffer[65536];
  while (const size_t n = reader.read(buffer)) write_all(fd.get(), {buffer, n});
  check(::fchown(fd.get(), owner.uid, owner.gid), "change the owner of {}", path);
  check(::fchmod(fd.get(), entry.mode & 07777), "change the mode of {}", path);
  const timespec time{static_cast<time_t>(entry.mtime), static_cast<long>(entry.mtime_ns)};
  const timespec times[] = {time, time};
  check(::futimens(fd.get(), times), "set the times of {}", path);
}

void make_entry(const linux::Root& root, const std::string& path, const TarEntry& entry) {
  if (entry.type == TarType::directory) {
    const auto there = root.lstat(path);
    if (there && !S_ISDIR(there->st_mode)) root.remove_all(path);
    root.make_directories(path);
    return;
  }
  root.remove_all(path);
  switch (entry.type) {
    case TarType::symlink:
      root.symlink(entry.link_target, path);
      break;
    case TarType::fifo:
      root.make_node(path, S_IFIFO | 0600, 0);
      break;
    default:
      throw invalid_argument("the archive holds a device node, which is not allowed: {}",
                             entry.name);
  }
}

void set_attributes(const linux::Root& root, const std::string& path, const TarEntry& entry,
                    const std::optional<Owner>& owner) {
  const Owner wanted = owner.value_or(Owner{entry.uid, entry.gid});
  root.change_owner(path, wanted.uid, wanted.gid);
  if (entry.type != TarType::symlink) root.change_mode(path, entry.mode & 07777);
  const timespec time{static_cast<time_t>(entry.mtime), static_cast<long>(entry.mtime_ns)};
  root.set_times(path, time, time);
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

void unpack_tar(const linux::Root& root, const std::string& dir, const ByteSource& source,
                const std::optional<Owner>& owner) {
  TarReader reader(make_decompressor(source));
  TarEntry entry;
  std::vector<std::pair<std::string, TarEntry>> directories;
  while (reader.next(entry)) {
    const std::string name = safe_name(entry.name);
    const std::string path = name.empty() ? dir : (dir.empty() ? name : dir + "/" + name);
    if (name.empty()) continue;
    if (entry.type == TarType::file) {
      write_entry(root, path, entry, reader, owner.value_or(Owner{entry.uid, entry.gid}));
      continue;
    }
    root.place(path, true);
    if (entry.type == TarType::hardlink) {
      const std::string target = safe_name(entry.link_target);
      root.remove_all(path);
      root.hard_link(dir.empty() ? target : dir + "/" + target, path);
      continue;
    }
    make_entry(root, path, entry);
    if (entry.type == TarType::directory) {
      directories.emplace_back(path,
                               entry);  // times and modes last: files change and may need them
    } else {
      set_attributes(root, path, entry, owner);
    }
  }
  for (auto at = directories.rbegin(); at != directories.rend(); ++at) {
    set_attributes(root, at->first, at->second, owner);
  }
}

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
