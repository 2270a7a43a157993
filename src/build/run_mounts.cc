#include "build/run_mounts.h"

#include <filesystem>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/files.h"
#include "build/mount_points.h"

namespace slipway::build {

namespace {

using Type = RunMount::Type;

std::string clean_path(const std::string& path, const std::string& working_dir) {
  const std::filesystem::path base = working_dir.empty() ? "/" : working_dir;
  std::string out = (base / path).lexically_normal();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

std::string described(const RunMount& mount) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {}", static_cast<int>(mount.type), mount.id,
                     mount.from, mount.source, mount.target, mount.sharing, mount.read_only,
                     mount.size, mount.mode.value_or(UINT32_MAX), mount.uid.value_or(0),
                     mount.gid.value_or(0));
}

std::string default_target(const RunMount& mount, int number) {
  if (!mount.target.empty()) return mount.target;
  if (mount.type == Type::secret) return "/run/secrets/" + mount.id;
  return fmt::format("/run/buildkit/ssh_agent.{}", number);
}

// The source of a bind or cache inside its tree, without symlinks. Throws when it is not there.
std::string real_source(const linux::Root& root, const RunMount& mount) {
  const std::string source = mount.source.empty() ? "/" : "/" + mount.source;
  if (!root.stat(source))
    throw invalid_argument("RUN --mount: source {} of {} is not found in {}", source, mount.target,
                           mount.from.empty() ? "the build context" : mount.from);
  return root.resolve(source);
}

}  // namespace

RunMounts::RunMounts(Job& job, std::vector<RunMount> mounts, const std::string& working_dir,
                     const FindTree& find_tree)
    : job_(job) {
  int agents = 0;
  for (auto& mount : mounts) {
    mount.target = default_target(mount, mount.type == Type::ssh ? agents++ : 0);
    mount.target = clean_path(mount.target, working_dir);
    if (mount.target == "/")
      throw invalid_argument("RUN --mount: the root directory cannot be a target");
    One one{std::move(mount), std::nullopt};
    if (!one.mount.from.empty()) one.tree = find_tree(one.mount.from);
    list_.push_back(std::move(one));
  }
}

std::vector<std::string> RunMounts::inputs(Parts& parts) const {
  std::vector<std::string> out;
  for (const auto& [mount, tree] : list_) {
    std::string text = described(mount);
    if (tree) text += " " + join(tree->config.diff_ids, " ");
    if (mount.type == Type::bind && !tree) {
      FileSums files;
      text += " " + job_.context.checksum(mount.source.empty() ? "." : mount.source, false, nullptr,
                                          &files);
      for (const auto& [path, sum] : files) parts.emplace_back("file " + path, sum);
    }
    parts.emplace_back("mount " + mount.target, short_sum(text));
    out.push_back(std::move(text));
  }
  return out;
}

std::string RunMounts::scratch(const char* what) const {
  return fmt::format("{}/{}-{}", job_.work_dir, what, random_hex(8));
}

void RunMounts::bind(container::Spec& spec, const std::string& source, const std::string& target,
                     bool read_only) {
  container::Mount mount;
  mount.type = "bind";
  mount.source = source;
  mount.target = target;
  mount.read_only = read_only;
  spec.mounts.push_back(mount);
  points_.push_back({target, std::filesystem::is_directory(source)});
}

std::pair<std::string, const linux::Root*> RunMounts::source_tree(const One& one) {
  if (!one.tree) return {job_.context.path(job_.work_dir), &job_.context.root()};
  const auto tree = std::make_shared<MountedTree>(job_, *one.tree);
  held_.push_back(tree);
  return {tree->path(), &tree->root()};
}

// What is written to it is gone after the RUN.
std::string RunMounts::writable_copy(const std::string& source, bool directory) {
  const std::string dir = scratch("bind");
  if (!directory) {
    make_directories(dir);
    std::filesystem::copy_file(source, dir + "/file");
    struct stat info {};
    check(::stat(source.c_str(), &info), "stat {}", source);
    check(::chmod((dir + "/file").c_str(), info.st_mode & 07777), "change the mode of a copy");
    return dir + "/file";
  }
  make_directories(dir + "/upper");
  const auto tree =
      std::make_shared<WritableTree>(job_, std::vector<std::string>{source}, dir + "/upper");
  held_.push_back(tree);
  return tree->path();
}

void RunMounts::prepare_bind(container::Spec& spec, const One& one) {
  const auto [path, root] = source_tree(one);
  const std::string real = real_source(*root, one.mount);
  const bool directory = S_ISDIR(root->stat(real)->st_mode);
  std::string source = real == "/" ? path : path + real;
  if (!one.mount.read_only) source = writable_copy(source, directory);
  bind(spec, source, one.mount.target, one.mount.read_only);
}

// In one order for everybody, and each once: two RUNs never wait for each other's.
void RunMounts::take_caches() {
  std::map<std::string, const One*> by_id;
  for (const auto& one : list_)
    if (one.mount.type == Type::cache) by_id.emplace(one.mount.id, &one);
  for (const auto& [id, one] : by_id) {
    const auto fill = [&, one = one](const std::string& fresh) { fill_cache(*one, fresh); };
    auto lease = job_.cache_mounts.acquire(id, one->mount.sharing, job_.stop, fill);
    held_.push_back(lease.hold);
    caches_[id] = lease.path;
  }
}

void RunMounts::fill_cache(const One& one, const std::string& fresh) {
  const RunMount& mount = one.mount;
  const linux::Root to(fresh);
  to.change_mode("/", mount.mode.value_or(0755));
  to.change_owner("/", mount.uid.value_or(0), mount.gid.value_or(0));
  if (!one.tree) return;
  const MountedTree tree(job_, *one.tree);
  const std::string real = real_source(tree.root(), mount);
  CopyOptions options;
  options.keep_owner = true;
  copy(tree.root(), select(tree.root(), real.substr(1)), to, "/", false, options);
}

void RunMounts::prepare_tmpfs(container::Spec& spec, const RunMount& mount) {
  if (mount.target.find(':') != std::string::npos)
    throw invalid_argument("RUN --mount: a tmpfs target must not hold a colon: {}", mount.target);
  std::string options = "exec";
  if (mount.size > 0) options += fmt::format(",size={}", mount.size);
  if (mount.mode) options += fmt::format(",mode={:o}", *mount.mode);
  if (mount.read_only) options += ",ro";
  spec.tmpfs.push_back(mount.target + ":" + options);
  points_.push_back({mount.target, true});
}

void RunMounts::prepare_secret(container::Spec& spec, const RunMount& mount) {
  if (!job_.request.secrets.contains(mount.id)) {
    if (!mount.required) return;
    throw invalid_argument(
        "secret {} is required but was not given (slipway build --secret id={},src=FILE; the "
        "classic docker build cannot send secrets)",
        mount.id, mount.id);
  }
  bind(spec,
       job_.secret_file(mount.id, mount.uid.value_or(0), mount.gid.value_or(0),
                        mount.mode.value_or(0400)),
       mount.target, true);
}

void RunMounts::prepare_ssh(container::Spec& spec, const RunMount& mount) {
  const auto at = job_.request.ssh_agents.find(mount.id);
  if (at == job_.request.ssh_agents.end()) {
    if (!mount.required) return;
    throw invalid_argument(
        "SSH agent {} is required but was not given (slipway build --ssh {}; the classic docker "
        "build cannot pass an agent on)",
        mount.id, mount.id);
  }
  const std::string path = scratch("agent");
  held_.push_back(std::make_shared<AgentSocket>(path, at->second, mount.uid.value_or(0),
                                                mount.gid.value_or(0), mount.mode.value_or(0600)));
  if (agents_++ == 0) spec.env.push_back("SSH_AUTH_SOCK=" + mount.target);
  bind(spec, path, mount.target, false);
}

void RunMounts::prepare(container::Spec& spec) {
  take_caches();
  for (const auto& one : list_) {
    switch (one.mount.type) {
      case Type::bind:
        prepare_bind(spec, one);
        break;
      case Type::cache:
        bind(spec, caches_.at(one.mount.id), one.mount.target, one.mount.read_only);
        break;
      case Type::tmpfs:
        prepare_tmpfs(spec, one.mount);
        break;
      case Type::secret:
        prepare_secret(spec, one.mount);
        break;
      case Type::ssh:
        prepare_ssh(spec, one.mount);
        break;
    }
  }
  add_mount_points(spec);
}

void RunMounts::add_script(container::Spec& spec, const std::string& path,
                           const std::string& text) {
  const std::string file = scratch("script");
  write_file(file, text);
  check(::chmod(file.c_str(), 0755), "change the mode of a script");
  container::Mount mount;
  mount.type = "bind";
  mount.source = file;
  mount.target = path;
  mount.read_only = true;
  spec.mounts.push_back(mount);
}

void RunMounts::add_mount_points(container::Spec& spec) {
  if (points_.empty()) return;
  const LowerTree merged(job_, spec.lower_dirs);
  const std::string dir = scratch("points");
  make_directories(dir, 0755);
  MountPoints points(merged.root(), linux::Root(dir));
  for (const auto& point : points_) points.add(point.target, point.directory);
  if (points.any()) spec.lower_dirs.insert(spec.lower_dirs.begin(), dir);
}

}  // namespace slipway::build
