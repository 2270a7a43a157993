#include "build/files.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "build/context.h"
#include "codec/hash.h"

namespace slipway::build {

namespace {

std::string under(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool ignored(const Ignore* ignore, const std::string& path) {
  return ignore != nullptr && !path.empty() && ignore->excludes(path);
}

// Cleaned components; refuses a path that climbs above its root.
std::vector<std::string> source_parts(const std::string& source) {
  std::vector<std::string> parts;
  for (auto& part : split(source, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) {
        throw invalid_argument("forbidden path outside the build context: {}", source);
      }
      parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

void expand(const linux::Root& root, const std::vector<std::string>& parts, size_t depth,
            const std::string& so_far, std::vector<std::string>& found) {
  if (depth == parts.size()) {
    if (root.lstat(so_far.empty() ? "." : so_far)) found.push_back(so_far);
    return;
  }
  if (!has_wildcard(parts[depth])) {
    expand(root, parts, depth + 1, under(so_far, parts[depth]), found);
    return;
  }
  const auto info = root.stat(so_far.empty() ? "." : so_far);
  if (!info || !S_ISDIR(info->st_mode)) return;
  for (const auto& name : root.list(so_far.empty() ? "." : so_far)) {
    if (match_component(parts[depth], name))
      expand(root, parts, depth + 1, under(so_far, name), found);
  }
}

// True when something below a directory is kept although the directory itself is excluded.
bool anything_kept(const linux::Root& root, const std::string& path, const Ignore* ignore) {
  if (!ignored(ignore, path)) return true;
  const auto info = root.lstat(path);
  if (!info || !S_ISDIR(info->st_mode)) return false;
  for (const auto& name : root.list(path)) {
    if (anything_kept(root, under(path, name), ignore)) return true;
  }
  return false;
}

void hash_file(Hasher& hash, const linux::Root& root, const std::string& path) {
  const Fd fd = root.open(path, O_RDONLY | O_NOFOLLOW);
  char buffer[131072];
  while (const size_t n = read_some(fd.get(), buffer)) hash.update({buffer, n});
}

void hash_tree(Hasher& hash, const linux::Root& root, const std::string& path,
               const std::string& shown, const Ignore* ignore) {
  const auto info = path.empty() ? root.stat(".") : root.lstat(path);
  if (!info || !anything_kept(root, path, ignore)) return;
  hash.update(fmt::format("{} {} {:o} {} {} {}\n", shown.size(), shown, info->st_mode, info->st_uid,
                          info->st_gid, S_ISREG(info->st_mode) ? info->st_size : 0));
  if (S_ISREG(info->st_mode)) hash_file(hash, root, path);
  if (S_ISLNK(info->st_mode)) hash.update(root.read_link(path));
  if (!S_ISDIR(info->st_mode)) return;
  for (const auto& name : root.list(path.empty() ? "." : path)) {
    hash_tree(hash, root, under(path, name), under(shown, name), ignore);
  }
}

class Copier {
 public:
  Copier(const linux::Root& from, const linux::Root& to, const CopyOptions& options)
      : from_(from), to_(to), options_(options) {}

  void make_parents(const std::string& path) {
    std::string so_far;
    for (const auto& part : split(path, '/')) {
      if (part.empty()) continue;
      so_far = under(so_far, part);
      if (to_.stat(so_far)) continue;
      to_.make_directory(so_far, 0755);
      const Owner owner = options_.owner.value_or(Owner{});
      to_.change_owner(so_far, owner.uid, owner.gid);
    }
  }

  void tree(const std::string& source, const std::string& target) {
    const auto info = source.empty() ? from_.stat(".") : from_.lstat(source);
    if (!info || !anything_kept(from_, source, options_.ignore)) return;
    if (S_ISDIR(info->st_mode)) {
      directory(source, target, *info);
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
  void directory(const std::string& source, const std::string& target, const struct stat& info) {
    const auto there = target.empty() ? to_.stat(".") : to_.stat(target);
    if (there && !S_ISDIR(there->st_mode)) {
      throw invalid_argument("cannot copy to non-directory: /{}", target);
    }
    const bool made = !there;
    if (made) to_.make_directory(target, 0755);
    for (const auto& name : from_.list(source.empty() ? "." : source))
      tree(under(source, name), under(target, name));
    if (made) attributes(target, info);
  }

  void replace_file(const std::string& source, const std::string& target, const struct stat& info) {
    if (const auto there = to_.lstat(target); there && S_ISDIR(there->st_mode)) {
      throw invalid_argument("cannot overwrite a directory with a file: /{}", target);
    }
    to_.remove(target);
    if (S_ISREG(info.st_mode)) {
      copy_bytes(source, target);
    } else if (S_ISLNK(info.st_mode)) {
      to_.symlink(from_.read_link(source), target);
    } else if (S_ISFIFO(info.st_mode)) {
      to_.make_node(target, S_IFIFO | 0600, 0);
    } else {
      throw invalid_argument("cannot copy a device or socket: {}", source);
    }
    attributes(target, info);
  }

  void copy_bytes(const std::string& source, const std::string& target) {
    const Fd in = from_.open(source, O_RDONLY | O_NOFOLLOW);
    const Fd out = to_.open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    for (;;) {
      const ssize_t n = ::sendfile(out.get(), in.get(), nullptr, 1 << 24);
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "copy {}", source) == 0) return;
    }
  }

  void attributes(const std::string& target, const struct stat& info) {
    Owner owner = options_.owner.value_or(Owner{});
    if (!options_.owner && options_.keep_owner) owner = {info.st_uid, info.st_gid};
    to_.change_owner(target, owner.uid, owner.gid);
    if (!S_ISLNK(info.st_mode))
      to_.change_mode(target, options_.mode.value_or(info.st_mode & 07777));
    to_.set_times(target, info.st_mtim, info.st_mtim);
  }

  const linux::Root& from_;
  const linux::Root& to_;
  const CopyOptions& options_;
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
  if (start.starts_with("BZh") || start.starts_with("\xFD"
                                                    "7zXZ")) {
    throw unimplemented(
        "{}: archives of this compression are not unpacked: use gzip or zstd, or COPY", path);
  }
  return n == sizeof head && start.substr(257, 5) == "ustar";
}

}  // namespace

std::vector<Selected> select(const linux::Root& root, const std::string& source,
                             const Ignore* ignore) {
  const auto parts = source_parts(source);
  std::vector<std::string> found;
  expand(root, parts, 0, "", found);
  std::vector<Selected> out;
  for (auto& path : found) {
    if (!anything_kept(root, path, ignore)) continue;
    const auto info = root.stat(path.empty() ? "." : path);
    if (!info) continue;
    out.push_back({path, S_ISDIR(info->st_mode), std::filesystem::path(path).filename()});
  }
  if (out.empty()) {
    if (has_wildcard(source))
      throw invalid_argument("no source files were specified: nothing matches {}", source);
    throw invalid_argument(
        "file not found in build context or excluded by .dockerignore: stat {}: file does not "
        "exist",
        source);
  }
  return out;
}

std::string checksum(const linux::Root& root, const std::vector<Selected>& sources,
                     const Ignore* ignore) {
  Hasher hash;
  for (const auto& source : sources) {
    // The name matters only for a file: a directory's contents are what is copied.
    hash_tree(hash, root,
              source.directory ? root.resolve("/" + source.path).substr(1) : source.path,
              source.directory ? "" : source.base_name, ignore);
  }
  return hash.hex();
}

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
    if (source.directory) {
      copier.make_parents(target);
      copier.tree(from.resolve("/" + source.path).substr(1), target);
      continue;
    }
    if (options.unpack_archives && is_archive(from, source.path)) {
      copier.make_parents(target);
      const Fd fd = from.open(source.path, O_RDONLY);
      unpack_tar(to, target, source_of_fd(fd.get()), options.owner);
      continue;
    }
    const std::string path = into ? under(target, source.base_name) : target;
    if (path.empty()) throw invalid_argument("cannot copy a file over /");
    copier.make_parents(std::filesystem::path(path).parent_path());
    copier.file(source.path, path);
  }
}

}  // namespace slipway::build
