#include "build/files.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/strings.h"
#include "build/context.h"
#include "build/select.h"
#include "build/tree_walk.h"
#include "codec/hash.h"

namespace slipway::build {

namespace {

class Copier {
 public:
  Copier(const linux::Root& from, const linux::Root& to, const CopyOptions& options)
      : from_(from), to_(to), options_(options) {}

  void make_parents(const std::string& path) {
    std::string so_far;
    for (const auto& part : split(path, '/')) {
      if (part.empty()) continue;
      so_far = path_below(so_far, part);
      if (to_.stat(so_far)) continue;
      to_.make_directory(so_far, 0755);
      const Owner owner = options_.owner.value_or(Owner{});
      to_.change_owner(so_far, owner.uid, owner.gid);
    }
  }

  // Parents that are made of the source's own: below base of the target, named as in kept.
  void make_kept_parents(const std::string& source, const std::string& kept,
                         const std::string& base) {
    make_parents(base);
    const auto parts = split(kept, '/');
    const std::string root = source.substr(0, source.size() - std::min(source.size(), kept.size()));
    std::string below = root.ends_with('/') ? root.substr(0, root.size() - 1) : root;
    std::string target = base;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      below = path_below(below, parts[i]);
      target = path_below(target, parts[i]);
      if (to_.stat(target)) continue;
      to_.make_directory(target, 0755);
      if (const auto info = from_.stat(below)) attributes(target, *info);
    }
  }

  void tree(const std::string& source, const std::string& target, const std::string& shown) {
    const auto info = source.empty() ? from_.stat(".") : from_.lstat(source);
    if (!info || !anything_kept(from_, source, shown, options_.excludes)) return;
    if (S_ISDIR(info->st_mode)) {
      directory(source, target, shown, *info);
    } else {
      replace_file(source, target, *info);
    }
  }

  // A symlink named as a source is followed, as Docker does.
  void file(const std::string& source, const std::string& target) {
    const std::string real = from_.resolve("/" + source).substr(1);
    const auto info = from_.lstat(real);
    if (!info) throw invalid_argument("file not found in build context: {}", source);
    replace_file(real, target, *info);
  }

 private:
  // The directory that is named itself stays as it is when it is there already, and a new one is
  // not its source's owner's; those below it become what they are in the source.
  void directory(const std::string& source, const std::string& target, const std::string& shown,
                 const struct stat& info) {
    const auto there = target.empty() ? to_.stat(".") : to_.stat(target);
    if (there && !S_ISDIR(there->st_mode)) {
      throw invalid_argument("cannot copy to non-directory: /{}", target);
    }
    const bool top = shown.empty();
    if (!there) to_.make_directory(target, 0755);
    for (const auto& name : from_.list(source.empty() ? "." : source))
      tree(path_below(source, name), path_below(target, name), path_below(shown, name));
    if (there && top) return;
    struct stat own_info = info;
    if (top) own_info.st_uid = own_info.st_gid = 0;
    attributes(target, own_info);
  }

  void replace_file(const std::string& source, const std::string& target, const struct stat& info) {
    if (const auto there = to_.lstat(target)) {
      if (S_ISDIR(there->st_mode))
        throw invalid_argument("cannot overwrite a directory with a file: /{}", target);
      to_.remove(target);
    }
    if (S_ISREG(info.st_mode) && info.st_nlink > 1) {
      const auto [first, fresh] = links_.try_emplace({info.st_dev, info.st_ino}, target);
      if (!fresh && to_.lstat(first->second)) return to_.hard_link(first->second, target);
    }
    if (S_ISREG(info.st_mode)) return copy_file(source, target, info);
    if (S_ISLNK(info.st_mode)) {
      to_.symlink(from_.read_link(source), target);
    } else if (S_ISFIFO(info.st_mode)) {
      to_.make_node(target, S_IFIFO | 0600, 0);
    } else {
      throw invalid_argument("cannot copy a device or socket: {}", source);
    }
    attributes(target, info);
  }

  // Everything through two descriptors: trees of thousands of small files are common.
  void copy_file(const std::string& source, const std::string& target, const struct stat& info) {
    const Fd in = from_.open(source, O_RDONLY | O_NOFOLLOW);
    const Fd out = to_.open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (static_cast<size_t>(info.st_size) < buffer_.size()) {
      while (const size_t n = read_some(in.get(), buffer_)) {
        write_all(out.get(), {buffer_.data(), n});
        if (n < buffer_.size()) break;  // nobody else writes to a source
      }
    } else {
      send_file(in.get(), out.get(), source);
    }
    // The owner first: its change takes capabilities and setuid bits away.
    const Owner owner = owner_of(info);
    check(::fchown(out.get(), owner.uid, owner.gid), "change the owner of {}", target);
    for (const auto& [name, value] : read_xattrs(in.get()))
      check(::fsetxattr(out.get(), name.c_str(), value.data(), value.size(), 0), "set {} of {}",
            name, target);
    check(::fchmod(out.get(), mode_of(info)), "change the mode of {}", target);
    const timespec times[] = {info.st_mtim, info.st_mtim};
    check(::futimens(out.get(), times), "set the times of {}", target);
  }

  static void send_file(int in, int out, const std::string& source) {
    for (;;) {
      const ssize_t n = ::sendfile(out, in, nullptr, 1 << 24);
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "copy {}", source) == 0) return;
    }
  }

  Owner owner_of(const struct stat& info) const {
    if (options_.owner) return *options_.owner;
    return options_.keep_owner ? Owner{info.st_uid, info.st_gid} : Owner{};
  }

  uint32_t mode_of(const struct stat& info) const {
    const uint32_t mode = info.st_mode & 07777;
    return options_.mode ? options_.mode->apply(mode, S_ISDIR(info.st_mode)) : mode;
  }

  void attributes(const std::string& target, const struct stat& info) {
    const Owner owner = owner_of(info);
    to_.change_owner(target, owner.uid, owner.gid);
    if (!S_ISLNK(info.st_mode)) to_.change_mode(target, mode_of(info));
    to_.set_times(target, info.st_mtim, info.st_mtim);
  }

  const linux::Root& from_;
  const linux::Root& to_;
  const CopyOptions& options_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;  // where a file with several names went
  std::vector<char> buffer_ = std::vector<char>(128 * 1024);
};

// A tar, plain or compressed: ADD unpacks it. Anything else that is compressed is just a file.
bool is_archive(const linux::Root& root, const std::string& path) {
  const Fd fd = root.open(path, O_RDONLY);
  char head[512];
  size_t n = 0;
  try {
    const ByteSource source = make_decompressor(source_of_fd(fd.get()));
    while (n < sizeof head) {
      const size_t more = source(std::span(head).subspan(n));
      if (more == 0) break;
      n += more;
    }
  } catch (const Error&) {
    return false;
  }
  const std::string_view start(head, n);
  return n == sizeof head && start.substr(257, 5) == "ustar";
}

}  // namespace

void copy(const linux::Root& from, const std::vector<Selected>& sources, const linux::Root& to,
          const std::string& destination, bool several, const CopyOptions& options) {
  Copier copier(from, to, options);
  const bool slash = destination.ends_with('/') || destination.ends_with("/.");
  std::string target = std::filesystem::path(destination).lexically_normal().relative_path();
  if (target.ends_with('/')) target.pop_back();
  if (target == ".") target.clear();
  const auto there = target.empty() ? to.stat(".") : to.stat(target);
  const bool into = slash || several || sources.size() > 1 || (there && S_ISDIR(there->st_mode));
  for (const auto& source : sources) {
    std::string place = target;
    if (!source.kept.empty()) {
      copier.make_kept_parents(source.path, source.kept, target);
      place = path_below(target, source.kept);
    }
    if (source.directory) {
      if (source.kept.empty()) copier.make_parents(target);
      copier.tree(from.resolve("/" + source.path).substr(1), place, "");
      continue;
    }
    if (left_out(options.excludes, source.base_name)) continue;
    if (options.unpack_archives && is_archive(from, source.path)) {
      copier.make_parents(target);
      const Fd fd = from.open(source.path, O_RDONLY);
      unpack_tar(to, target, source_of_fd(fd.get()));  // owners are the archive's, always
      continue;
    }
    const std::string path = !source.kept.empty() ? place
                             : into               ? path_below(target, source.base_name)
                                                  : target;
    if (path.empty()) throw invalid_argument("cannot copy a file over /");
    copier.make_parents(std::filesystem::path(path).parent_path());
    copier.file(source.path, path);
  }
}

}  // namespace slipway::build
