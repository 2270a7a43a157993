// Making a container: everything that can be wrong about it is said here, before anything starts.
#include <sys/stat.h>

#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "container/impl.h"
#include "container/names.h"
#include "container/oci_spec.h"
#include "linux/caps.h"

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

void check_host_name(const std::string& name) {
  if (name.size() > 64 || !only_alnum_and(name, ".-_") || name.starts_with('-'))
    throw invalid_argument("invalid hostname: \"{}\"", name);
}

void check_limits(const Spec& spec) {
  constexpr uint64_t kLeast = 6u << 20;
  if (spec.memory_bytes != 0 && spec.memory_bytes < kLeast)
    throw invalid_argument("Minimum memory limit allowed is 6MB");
  static const std::set<std::string> policies = {"", "no", "always", "on-failure",
                                                 "unless-stopped"};
  if (!policies.contains(spec.restart_policy))
    throw invalid_argument("invalid restart policy: unknown policy '{}'", spec.restart_policy);
  if (spec.auto_remove && !spec.restart_policy.empty() && spec.restart_policy != "no")
    throw invalid_argument("can't create 'AutoRemove' container with restart policy");
  for (const std::string& part : split(spec.cgroup_parent, '/')) {
    if (part == ".." || part == "." || !only_alnum_and(part, "_.-:@"))
      throw invalid_argument("invalid cgroup parent \"{}\"", spec.cgroup_parent);
  }
  // Unknown capabilities are refused now, not at the start.
  resolve_capabilities(spec.cap_add, spec.cap_drop, false, linux::bounding_capabilities());
  static const std::set<std::string> drivers = {"", "json-file", "none"};
  if (!drivers.contains(spec.log_driver))
    throw invalid_argument("logger: no log driver named '{}' is registered", spec.log_driver);
}

}  // namespace

void check_container_name(const std::string& name) {
  if (name.size() < 2 || name.size() > 253 || !only_alnum_and(name, "_.-") ||
      !only_alnum_and(name.substr(0, 1), ""))
    throw invalid_argument(
        "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
}

image::Config Engine::Impl::image_config(const Spec& spec) const {
  if (spec.image_id.empty()) return {};
  return images.get(spec.image_id).config;
}

std::vector<ResolvedMount> Engine::Impl::resolve_mounts(const Spec& spec,
                                                        const image::Config& config) {
  std::vector<ResolvedMount> out;
  const auto add = [&](ResolvedMount mount) {
    for (const auto& known : out) {
      if (known.target == mount.target)
        throw invalid_argument("Duplicate mount point: {}", mount.target);
    }
    out.push_back(std::move(mount));
  };
  for (const Mount& mount : spec.mounts) {
    const std::string target = clean_target(mount);
    check_propagation(mount);
    if (mount.type == "tmpfs") {
      std::vector<std::string> options;
      if (mount.tmpfs_size > 0) options.push_back(fmt::format("size={}", mount.tmpfs_size));
      if (mount.read_only) options.emplace_back("ro");
      add(resolve_tmpfs(target, options));
    } else if (mount.type == "bind") {
      if (!mount.source.starts_with('/'))
        bad_mount(mount, "invalid mount path: '" + mount.source + "' mount path must be absolute");
      if (!exists(mount.source))
        bad_mount(mount, "bind source path does not exist: " + mount.source);
      add({"bind", "", mount.source, target, mount.propagation, mount.read_only, false, {}});
    } else if (mount.type == "volume") {
      const bool anonymous = mount.source.empty();
      const Volume volume = volumes.create(mount.source, {}, anonymous);
      add({"volume", volume.name, volume.path, target, "", mount.read_only, anonymous, {}});
    } else {
      bad_mount(mount, "mount type unknown: \"" + mount.type + "\"");
    }
  }
  for (const std::string& entry : spec.tmpfs) {
    const auto [path, options] = split_once(entry, ':');
    Mount mount;
    mount.type = "tmpfs";
    mount.target = path;
    add(resolve_tmpfs(clean_target(mount),
                      options.empty() ? std::vector<std::string>() : split(options, ',')));
  }
  for (const std::string& path : config.volumes) {
    Mount mount;
    mount.type = "volume";
    mount.target = path;
    const std::string target = clean_target(mount);
    if (std::any_of(out.begin(), out.end(), [&](const auto& m) { return m.target == target; }))
      continue;
    const Volume volume = volumes.create("", {}, true);
    add({"volume", volume.name, volume.path, target, "", false, true, {}});
  }
  return out;
}

std::string Engine::Impl::create(Spec spec) {
  image::Config config;
  if (spec.lower_dirs.empty() || !spec.image.empty()) {
    const image::Image image = images.get(spec.image_id.empty() ? spec.image : spec.image_id);
    spec.image_id = image.id;
    config = image.config;
  }
  check_limits(spec);
  check_host_name(spec.hostname);
  check_host_name(spec.domainname);
  Record record;
  record.info.id = random_hex(64);
  record.info.created = clock.now();
  record.info.log_path =
      spec.log_driver == "none" ? "" : directory(record.info.id) + "/container.log";
  const Command command = resolve_command(spec, config);
  record.info.path = command.path;
  record.info.args = command.args;
  record.stop_signal = !spec.stop_signal.empty()     ? spec.stop_signal
                       : !config.stop_signal.empty() ? config.stop_signal
                                                     : "SIGTERM";
  if (!parse_signal(record.stop_signal))
    throw invalid_argument("Invalid signal: {}", record.stop_signal);
  if (spec.name.starts_with('/')) spec.name.erase(0, 1);
  const bool named = !spec.name.empty();
  if (named) check_container_name(spec.name);

  const std::string id = record.info.id;
  {
    const std::lock_guard lock(mutex);
    for (int i = 0; !named && (spec.name.empty() || names.contains(spec.name)); ++i)
      spec.name = i < 100 ? random_name() : id.substr(0, 12);
    const auto [entry, added] = names.try_emplace(spec.name, id);
    if (!added)
      throw conflict(
          "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to "
          "remove (or rename) that container to be able to reuse that name.",
          spec.name, entry->second);
  }
  Finally undo([&] {
    const std::lock_guard lock(mutex);
    names.erase(spec.name);
    containers.erase(id);
  });
  record.mounts = resolve_mounts(spec, config);
  record.info.spec = spec;
  make_directories(directory(id), 0710);
  const auto container = std::make_shared<Container>(record);
  save(*container);
  {
    const std::lock_guard lock(mutex);
    containers[id] = container;
  }
  undo.dismiss();
  event(record, "create");
  return id;
}

}  // namespace slipway::container
