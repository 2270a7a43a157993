#include "image/extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/tar.h"
#include "image/whiteout.h"

namespace slipway::image {

namespace {

// "./a//b/../c" -> "a/c"; what would leave the directory is refused.
std::string inner_path(std::string_view raw) {
  if (raw.size() > 4096 || raw.find('\0') != std::string_view::npos)
    throw invalid_argument("the archive holds an entry with an impossible name");
  std::vector<std::string> parts;
  for (auto& part : split(raw, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (parts.empty()) {
      throw invalid_argument("the archive holds a path outside of itself: \"{}\"", raw);
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

class Extractor {
 public:
  Extractor(const linux::Root& root, std::string directory, const ExtractOptions& options,
            TarReader& tar, const Stop& stop)
      : root_(root), directory_(std::move(directory)), options_(options), tar_(tar), stop_(stop) {}

  void run() {
    TarEntry entry;
    while (tar_.next(entry)) {
      stop_.throw_if_requested();
      const std::string inner = inner_path(entry.name);
      if (inner.empty()) continue;  // the directory itself stays as it is
      try {
        apply(directory_ + "/" + inner, entry);
      } catch (const SystemError& e) {
        throw SystemError(e.error_number(), fmt::format("cannot unpack \"{}\"", entry.name));
      }
    }
    // Last: what is made in a directory changes its time again.
    for (auto it = directory_times_.rbegin(); it != directory_times_.rend(); ++it)
      if (root_.exists(it->first)) root_.set_times(it->first, it->second, it->second);
  }

 private:
  void apply(const std::string& path, const TarEntry& entry) {
    root_.place(path, true);
    const auto there = root_.lstat(path);
    const bool kept = there && S_ISDIR(there->st_mode) && entry.type == TarType::directory;
    if (there && !kept) replace(path, S_ISDIR(there->st_mode), entry);
    if (entry.type == TarType::hardlink) {
      root_.hard_link(directory_ + "/" + inner_path(entry.link_target), path);
      return;
    }
    if (!kept) make(path, entry);
    finish(path, entry);
  }

  void replace(const std::string& path, bool directory, const TarEntry& entry) {
    if (options_.keep_kinds && directory)
      throw invalid_argument("cannot overwrite directory \"{}\" with non-directory \"{}\"", path,
                             directory_);
    if (options_.keep_kinds && entry.type == TarType::directory)
      throw invalid_argument("cannot overwrite non-directory \"{}\" with directory \"{}\"", path,
                             directory_);
    root_.remove_all(path);
  }

  void make(const std::string& path, const TarEntry& entry) {
    const auto device = makedev(entry.device_major, entry.device_minor);
    switch (entry.type) {
      case TarType::file:
        return write(path);
      case TarType::directory:
        return root_.make_directory(path, 0700);
      case TarType::symlink:
        return root_.symlink(entry.link_target, path);
      case TarType::fifo:
        return root_.make_node(path, S_IFIFO | 0600, 0);
      case TarType::char_device:
        return root_.make_node(path, S_IFCHR | 0600, device);
      case TarType::block_device:
        return root_.make_node(path, S_IFBLK | 0600, device);
      case TarType::hardlink:
        return;
    }
  }

  void write(const std::string& path) {
    const Fd file = root_.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    while (const size_t n = tar_.read(buffer_)) {
      stop_.throw_if_requested();
      write_all(file.get(), std::string_view(buffer_.data(), n));
    }
  }

  // Owner before mode and xattrs: chown clears setuid bits and file capabilities.
  void finish(const std::string& path, const TarEntry& entry) {
    const auto owner = options_.owner.value_or(std::pair{entry.uid, entry.gid});
    root_.change_owner(path, owner.first, owner.second);
    if (entry.type != TarType::symlink) root_.change_mode(path, entry.mode & 07777);
    for (const auto& [name, value] : entry.xattrs)
      if (keeps_xattr(name)) set_xattr(path, name, value);
    const timespec time{static_cast<time_t>(entry.mtime), static_cast<long>(entry.mtime_ns)};
    if (entry.type == TarType::directory)
      directory_times_.emplace_back(path, time);
    else
      root_.set_times(path, time, time);
  }

  void set_xattr(const std::string& path, const std::string& name, const std::string& value) {
    try {
      root_.set_xattr(path, name, value);
    } catch (const SystemError& e) {
      if (e.error_number() != EOPNOTSUPP || name == "security.capability") throw;
    }
  }

  const linux::Root& root_;
  const std::string directory_;
  const ExtractOptions& options_;
  TarReader& tar_;
  const Stop& stop_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
  std::vector<std::pair<std::string, timespec>> directory_times_;
};

}  // namespace

void extract_archive(const ByteSource& source, const linux::Root& root,
                     const std::string& directory, const ExtractOptions& options,
                     const Stop& stop) {
  const ByteSource plain = make_decompressor(source);
  {
    TarReader tar(plain);
    Extractor(root, directory == "/" ? "" : directory, options, tar, stop).run();
  }
  // A client may still be sending the archive's padding.
  std::vector<char> rest(64 * 1024);
  while (plain(rest) != 0) stop.throw_if_requested();
}

}  // namespace slipway::image
