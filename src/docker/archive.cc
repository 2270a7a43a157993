// docker cp: one entry of a container's files as a tar, and a tar into one of its directories.
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "container/accounts.h"
#include "container/files.h"
#include "docker/container_json.h"
#include "docker/handlers.h"
#include "docker/times.h"
#include "image/diff.h"
#include "image/extract.h"

namespace slipway::docker {
namespace {

using container::FilesView;

bool names_contents(std::string_view path) {
  return path.empty() || path.ends_with('/') || path.ends_with("/.") || path == ".";
}

// "/a//b/../c" -> "/a/c"; what says "the directory itself" at the end is kept: "/a/", "/a/.".
std::string absolute_path(std::string_view given) {
  std::vector<std::string> parts;
  for (auto& part : split(given, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string out = "/" + join(parts, "/");
  if (given.ends_with("/.") || given == ".") return out == "/" ? "/." : out + "/.";
  if (given.ends_with('/') && out != "/") out += '/';
  return out;
}

// As the archive's first entry is called.
std::string base_name(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path == "/" ? path : path.substr(path.rfind('/') + 1);
}

struct Found {
  std::string path;
  linux::Root::Place at;  // name ".": the directory itself
  struct stat info {};
};

Error no_such_file(const std::string& path, const std::string& id) {
  return not_found("Could not find the file {} in container {}", path, id);
}

Found locate(const linux::Root& root, const Call& call, const std::string& id) {
  const auto given = call.text("path");
  if (given.empty()) throw invalid_argument("bad parameter: path cannot be empty");
  Found out{absolute_path(given), {}, {}};
  try {
    if (names_contents(out.path)) {
      out.at = {root.open(out.path, O_PATH | O_DIRECTORY), "."};
    } else {
      out.at = root.place(out.path);
    }
  } catch (const SystemError& e) {
    if (e.error_number() == ENOENT) throw no_such_file(given, id);
    if (e.error_number() == ENOTDIR) throw invalid_argument("{}: not a directory", given);
    throw;
  }
  if (::fstatat(out.at.directory.get(), out.at.name.c_str(), &out.info, AT_SYMLINK_NOFOLLOW) != 0)
    throw no_such_file(given, id);
  return out;
}

// Permission bits and kind as Go's os.FileMode has them.
uint32_t go_mode(mode_t mode) {
  uint32_t out = mode & 0777;
  if (S_ISDIR(mode)) out |= 1u << 31;
  if (S_ISLNK(mode)) out |= 1u << 27;
  if (S_ISBLK(mode) || S_ISCHR(mode)) out |= 1u << 26;
  if (S_ISFIFO(mode)) out |= 1u << 25;
  if (S_ISSOCK(mode)) out |= 1u << 24;
  if ((mode & S_ISUID) != 0) out |= 1u << 23;
  if ((mode & S_ISGID) != 0) out |= 1u << 22;
  if (S_ISCHR(mode)) out |= 1u << 21;
  if ((mode & S_ISVTX) != 0) out |= 1u << 20;
  return out;
}

// Where a link leads, as the container sees it; the text of the link when that is nowhere.
std::string target_of(const linux::Root& root, const Found& found) {
  if (!S_ISLNK(found.info.st_mode)) return {};
  try {
    return root.resolve(found.path);
  } catch (const Error&) {
    const std::string target = root.read_link(found.path);
    if (target.starts_with('/')) return target;
    return absolute_path(found.path.substr(0, found.path.rfind('/') + 1) + target);
  }
}

void add_stat_header(const linux::Root& root, const Found& found, net::Headers& headers) {
  const TimePoint time{seconds(found.info.st_mtim.tv_sec) +
                       microseconds(found.info.st_mtim.tv_nsec / 1000)};
  const Json stat = {{"name", base_name(found.path)},
                     {"size", found.info.st_size},
                     {"mode", go_mode(found.info.st_mode)},
                     {"mtime", time_text(time)},
                     {"linkTarget", target_of(root, found)}};
  headers.add("X-Docker-Container-Path-Stat", base64_encode(dump(stat)));
}

void publish_path(const Call& call, const container::Info& info, const char* action,
                  const std::string& path) {
  call.deps.engine.publish(
      {call.deps.clock.now(),
       "container",
       action,
       info.id,
       {{"name", info.spec.name}, {"image", info.spec.image}, {"path", path}}});
}

void refuse_read_only(const linux::Root& root, const Fd& directory, const container::Spec& spec) {
  struct stat top {
  }, here{};
  struct statvfs system {};
  check(::fstat(root.fd(), &top), "stat the container's root");
  check(::fstat(directory.get(), &here), "stat the directory");
  check(::fstatvfs(directory.get(), &system), "stat the file system");
  if (top.st_dev == here.st_dev && spec.read_only_root)
    throw forbidden("container rootfs is marked read-only");
  if ((system.f_flag & ST_RDONLY) != 0) throw forbidden("mounted volume is marked read-only");
}

// docker cp -a: the files belong to the container's user.
std::optional<std::pair<uint32_t, uint32_t>> wanted_owner(const Call& call,
                                                          const container::Info& info,
                                                          const linux::Root& root) {
  if (!call.flag("copyUIDGID")) return std::nullopt;
  std::string user = info.spec.user;
  if (user.empty())
    if (const auto image = call.deps.images.find(info.spec.image_id)) user = image->config.user;
  if (user.empty()) return std::nullopt;
  const auto who = container::resolve_user_in(fmt::format("/proc/self/fd/{}", root.fd()), user);
  return std::pair{who.uid, who.gid};
}

}  // namespace

void stat_archive(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto files = call.deps.engine.files(info.id, FilesView::container);
  const auto found = locate(files->root(), call, call.var("id"));
  auto headers = call.headers();
  add_stat_header(files->root(), found, headers);
  call.exchange.respond(200, headers, {});
}

void get_archive(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto files = call.deps.engine.files(info.id, FilesView::container);
  const auto found = locate(files->root(), call, call.var("id"));
  auto headers = call.headers("application/x-tar");
  add_stat_header(files->root(), found, headers);
  publish_path(call, info, "archive-path", found.path);
  call.exchange.begin(200, headers);
  TarWriter tar([&](std::string_view bytes) { call.exchange.write(bytes); });
  image::write_tree(found.at.directory.get(), found.at.name.empty() ? "." : found.at.name,
                    base_name(found.path), tar, call.exchange.stop());
  tar.finish();
  call.exchange.finish();
}

void put_archive(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto files = call.deps.engine.files(info.id, FilesView::container);
  const auto& root = files->root();
  const auto given = call.text("path");
  if (given.empty()) throw invalid_argument("bad parameter: path cannot be empty");
  const std::string path = absolute_path(given);
  const auto directory = root.open_if_exists(path, O_RDONLY | O_NONBLOCK);
  if (!directory) throw no_such_file(given, call.var("id"));
  struct stat kind {};
  check(::fstat(directory->get(), &kind), "stat {}", given);
  if (!S_ISDIR(kind.st_mode)) throw invalid_argument("extraction point is not a directory");
  refuse_read_only(root, *directory, info.spec);
  image::ExtractOptions options;
  options.keep_kinds = call.flag("noOverwriteDirNonDir");
  options.owner = wanted_owner(call, info, root);
  image::extract_archive([&](std::span<char> into) { return call.exchange.read(into); }, root,
                         root.resolve(path), options, call.exchange.stop());
  publish_path(call, info, "extract-to-dir", path);
  call.empty(200);
}

void export_container(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto files = call.deps.engine.files(info.id, FilesView::root);
  const Fd top = files->root().open("/", O_RDONLY | O_DIRECTORY);
  publish_path(call, info, "export", "");
  call.exchange.begin(200, call.headers("application/octet-stream"));
  TarWriter tar([&](std::string_view bytes) { call.exchange.write(bytes); });
  image::write_contents(top.get(), tar, call.exchange.stop());
  tar.finish();
  call.exchange.finish();
}

}  // namespace slipway::docker
