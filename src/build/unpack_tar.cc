// Archives of contexts and of ADD: every entry below one root.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "build/context.h"
#include "build/tar_index.h"
#include "codec/tar.h"

namespace slipway::build {

namespace {

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

}  // namespace slipway::build
