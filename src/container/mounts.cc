// The mounts a container asked for, checked and with their sources known: binds, volumes (made when
// they are not there), tmpfs, and a volume for each that the image declares.
#include <filesystem>

#include "base/files.h"
#include "base/strings.h"
#include "container/impl.h"

namespace slipway::container {
namespace {

[[noreturn]] void bad_mount(const Mount& mount, const std::string& why) {
  throw invalid_argument("invalid mount config for type \"{}\": {}", mount.type, why);
}

// "/a//b/" -> "/a/b"; no "..": the runtime would refuse or, worse, follow it.
std::string clean_target(const Mount& mount) {
  if (!mount.target.starts_with('/'))
    bad_mount(mount, "invalid mount path: '" + mount.target + "' mount path must be absolute");
  std::string out;
  for (const std::string& part : split(mount.target, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") bad_mount(mount, "invalid mount path: '" + mount.target + "'");
    out += "/" + part;
  }
  if (out.empty()) bad_mount(mount, "invalid specification: destination can't be '/'");
  return out;
}

void check_propagation(const Mount& mount) {
  static const std::set<std::string> known = {"",        "private", "rprivate", "shared",
                                              "rshared", "slave",   "rslave"};
  if (!known.contains(mount.propagation))
    bad_mount(mount, "invalid propagation mode: " + mount.propagation);
}

// How a mount point passes on what is mounted below: "shared", "slave" or "private".
std::string propagation_at(const std::string& path) {
  std::error_code error;
  const std::string real = std::filesystem::canonical(path, error).string();
  std::string best, found = "private";
  for (const std::string& line : split(read_file("/proc/thread-self/mountinfo"), '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 7) continue;
    const std::string& at = fields[4];
    const bool below = real == at || at == "/" || real.starts_with(at + "/");
    if (!below || at.size() < best.size()) continue;
    best = at;
    found = "private";
    for (size_t i = 6; i < fields.size() && fields[i] != "-"; ++i) {
      if (fields[i].starts_with("shared:")) found = "shared";
      if (fields[i].starts_with("master:") && found == "private") found = "slave";
    }
  }
  return found;
}

// A mount of the machine can pass things on only where the machine lets it.
void check_source_propagation(const Mount& mount) {
  const bool shared = mount.propagation.ends_with("shared");
  const bool slave = mount.propagation.ends_with("slave");
  if (!shared && !slave) return;
  const std::string now = propagation_at(mount.source);
  if (now == "shared" || (slave && now == "slave")) return;
  throw invalid_argument("path {} is mounted on a mount point but it is not a shared{} mount",
                         mount.source, slave ? " or slave" : "");
}

ResolvedMount resolve_tmpfs(const std::string& target, const std::vector<std::string>& options) {
  ResolvedMount mount;
  mount.type = "tmpfs";
  mount.source = "tmpfs";
  mount.target = target;
  mount.options = {"noexec", "nosuid", "nodev"};
  static const std::set<std::string> plain = {
      "rw",   "ro",    "exec",    "noexec", "suid",     "nosuid",     "dev",        "nodev",
      "sync", "async", "noatime", "atime",  "relatime", "nodiratime", "strictatime"};
  for (const std::string& option : options) {
    const auto [key, value] = split_once(option, '=');
    const bool sized = (key == "size" || key == "mode" || key == "uid" || key == "gid" ||
                        key == "nr_inodes" || key == "nr_blocks") &&
                       only_alnum_and(value, "%");
    if (!sized && !plain.contains(option))
      throw invalid_argument("invalid tmpfs option \"{}\"", option);
    std::erase_if(mount.options, [&](const std::string& known) { return known == "no" + option; });
    mount.options.push_back(option);
  }
  return mount;
}

ResolvedMount resolve_bind(const Mount& mount, const std::string& target) {
  if (!mount.source.starts_with('/'))
    bad_mount(mount, "invalid mount path: '" + mount.source + "' mount path must be absolute");
  if (!exists(mount.source)) {
    if (!mount.create_source) bad_mount(mount, "bind source path does not exist: " + mount.source);
    make_directories(mount.source);
  }
  check_source_propagation(mount);
  ResolvedMount out;
  out.type = "bind";
  out.source = mount.source;
  out.target = target;
  out.propagation = mount.propagation;
  out.read_only = mount.read_only;
  out.recursive = mount.recursive;
  // A file has nothing below it, and crun opens its target as a directory for this option.
  out.read_only_recursive = mount.read_only && mount.recursive && mount.read_only_recursive &&
                            std::filesystem::is_directory(mount.source);
  return out;
}

ResolvedMount resolve_volume(Volumes& volumes, const Mount& mount, const std::string& target) {
  const bool anonymous = mount.source.empty();
  const Volume volume = volumes.create(mount.source, mount.labels, anonymous, mount.options);
  ResolvedMount out;
  out.type = "volume";
  out.name = volume.name;
  out.source = volume.path;
  out.target = target;
  // A volume that is mounted read-only: crun would make it writable in the container.
  const auto words = volume.options.find("o");
  const auto list = split(words == volume.options.end() ? "" : words->second, ',');
  out.read_only = mount.read_only || std::find(list.begin(), list.end(), "ro") != list.end();
  out.anonymous = anonymous;
  out.no_copy = mount.no_copy;
  out.subpath = mount.subpath;
  return out;
}

ResolvedMount resolve_one(Volumes& volumes, const Mount& mount) {
  const std::string target = clean_target(mount);
  check_propagation(mount);
  if (mount.type == "bind") return resolve_bind(mount, target);
  if (mount.type == "volume") return resolve_volume(volumes, mount, target);
  if (mount.type != "tmpfs") bad_mount(mount, "mount type unknown: \"" + mount.type + "\"");
  std::vector<std::string> options;
  if (mount.tmpfs_size > 0) options.push_back(fmt::format("size={}", mount.tmpfs_size));
  for (const std::string& option : split(mount.tmpfs_options, ',')) {
    if (!option.empty()) options.push_back(option);
  }
  if (mount.read_only) options.emplace_back("ro");
  return resolve_tmpfs(target, options);
}

Mount mount_at(const char* type, const std::string& target) {
  Mount mount;
  mount.type = type;
  mount.target = target;
  return mount;
}

}  // namespace

// Mounts of other containers, without what is mounted there already and their tmpfs.
std::vector<ResolvedMount> Engine::Impl::borrowed_mounts(const Spec& spec,
                                                         std::set<std::string>& targets) const {
  std::vector<ResolvedMount> out;
  for (const std::string& entry : spec.host.volumes_from) {
    const auto [name, mode] = split_once(entry, ':');
    if (!mode.empty() && mode != "ro" && mode != "rw" && mode != "z" && mode != "Z")
      throw invalid_argument("invalid mode for volumes-from: {}", mode);
    for (ResolvedMount mount : get(name)->snapshot().mounts) {
      if (mount.type == "tmpfs" || !targets.insert(mount.target).second) continue;
      mount.anonymous = false;  // it belongs to the other one
      mount.no_copy = true;
      mount.read_only = mount.read_only || mode == "ro";
      out.push_back(std::move(mount));
    }
  }
  return out;
}

std::vector<ResolvedMount> Engine::Impl::resolve_mounts(const Spec& spec,
                                                        const image::Config& config) {
  std::set<std::string> targets;
  const auto claim = [&](const std::string& target) {
    if (!targets.insert(target).second) throw invalid_argument("Duplicate mount point: {}", target);
  };
  // All targets first: nothing is made for a list that is refused.
  for (const Mount& mount : spec.mounts) claim(clean_target(mount));
  std::vector<ResolvedMount> out;
  for (const std::string& entry : spec.tmpfs) {
    const auto [path, options] = split_once(entry, ':');
    const std::string target = clean_target(mount_at("tmpfs", path));
    claim(target);
    out.push_back(
        resolve_tmpfs(target, options.empty() ? std::vector<std::string>() : split(options, ',')));
  }
  auto borrowed = borrowed_mounts(spec, targets);
  for (const Mount& mount : spec.mounts) out.push_back(resolve_one(volumes, mount));
  std::move(borrowed.begin(), borrowed.end(), std::back_inserter(out));
  for (const std::string& path : config.volumes) {
    const Mount mount = mount_at("volume", path);
    const std::string target = clean_target(mount);
    if (targets.insert(target).second) out.push_back(resolve_volume(volumes, mount, target));
  }
  return out;
}

}  // namespace slipway::container
