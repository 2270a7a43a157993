// The mounts a container asked for, checked and with their sources known: binds, volumes (made when
// they are not there), tmpfs, and a volume for each that the image declares.
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

ResolvedMount resolve_tmpfs(const std::string& target, const std::vector<std::string>& options) {
  ResolvedMount mount;
  mount.type = "tmpfs";
  mount.source = "tmpfs";
  mount.target = target;
  mount.options = {"noexec", "nosuid", "nodev"};
  static const std::set<std::string> plain = {"rw",  "ro",    "exec", "noexec", "suid",   "nosuid",
                                              "dev", "nodev", "sync", "async",  "noatime"};
  for (const std::string& option : options) {
    const auto [key, value] = split_once(option, '=');
    const bool sized =
        (key == "size" || key == "mode" || key == "uid" || key == "gid" || key == "nr_inodes") &&
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
  if (!exists(mount.source)) bad_mount(mount, "bind source path does not exist: " + mount.source);
  return {"bind", "", mount.source, target, mount.propagation, mount.read_only, false, {}};
}

ResolvedMount resolve_volume(Volumes& volumes, const Mount& mount, const std::string& target) {
  const bool anonymous = mount.source.empty();
  const Volume volume = volumes.create(mount.source, {}, anonymous);
  return {"volume", volume.name, volume.path, target, "", mount.read_only, anonymous, {}};
}

ResolvedMount resolve_one(Volumes& volumes, const Mount& mount) {
  const std::string target = clean_target(mount);
  check_propagation(mount);
  if (mount.type == "bind") return resolve_bind(mount, target);
  if (mount.type == "volume") return resolve_volume(volumes, mount, target);
  if (mount.type != "tmpfs") bad_mount(mount, "mount type unknown: \"" + mount.type + "\"");
  std::vector<std::string> options;
  if (mount.tmpfs_size > 0) options.push_back(fmt::format("size={}", mount.tmpfs_size));
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
  for (const Mount& mount : spec.mounts) out.push_back(resolve_one(volumes, mount));
  for (const std::string& path : config.volumes) {
    const Mount mount = mount_at("volume", path);
    const std::string target = clean_target(mount);
    if (targets.insert(target).second) out.push_back(resolve_volume(volumes, mount, target));
  }
  return out;
}

}  // namespace slipway::container
