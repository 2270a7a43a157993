// Making a container: everything that can be wrong about it is said here, before anything starts.
#include <unistd.h>

#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "container/host_check.h"
#include "container/impl.h"
#include "container/limits.h"
#include "container/names.h"
#include "container/oci_spec.h"
#include "linux/caps.h"

namespace slipway::container {
namespace {

void check_host_name(const std::string& name) {
  if (name.size() > 64 || !only_alnum_and(name, ".-_") || name.starts_with('-'))
    throw invalid_argument("invalid hostname: \"{}\"", name);
}

void check_spec(const Spec& spec) {
  check_host_name(spec.hostname);
  check_host_name(spec.domainname);
  check_limits(spec, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  check_host_options(spec);
  if (!spec.working_dir.empty() && !spec.working_dir.starts_with('/'))
    throw invalid_argument("the working directory '{}' is invalid, it needs to be an absolute path",
                           spec.working_dir);
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
  static const std::set<std::string> drivers = {"", "json-file", "local", "none"};
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

// The part of a record that is known before anything is made.
static Record new_record(const Spec& spec, const image::Config& config, TimePoint now) {
  Record record;
  record.info.id = random_hex(64);
  record.info.created = now;
  const Command command = resolve_command(spec, config);
  record.info.path = command.path;
  record.info.args = command.args;
  record.stop_signal = !spec.stop_signal.empty()     ? spec.stop_signal
                       : !config.stop_signal.empty() ? config.stop_signal
                                                     : "SIGTERM";
  if (!parse_signal(record.stop_signal))
    throw invalid_argument("Invalid signal: {}", record.stop_signal);
  return record;
}

// Reserves the name, or makes one up.
std::string Engine::Impl::claim_name(const std::string& wanted, const std::string& id) {
  std::string name = wanted.starts_with('/') ? wanted.substr(1) : wanted;
  const bool given = !wanted.empty();
  if (given) check_container_name(name.empty() ? wanted : name);
  const std::lock_guard lock(mutex);
  for (int i = 0; !given && (name.empty() || names.contains(name)); ++i)
    name = i < 100 ? random_name() : id.substr(0, 12);
  const auto [entry, added] = names.try_emplace(name, id);
  if (!added)
    throw conflict(
        "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to "
        "remove (or rename) that container to be able to reuse that name.",
        name, entry->second);
  return name;
}

std::string Engine::Impl::create(Spec spec) {
  image::Config config;
  if (spec.lower_dirs.empty() || !spec.image.empty()) {
    const image::Image image = images.get(spec.image_id.empty() ? spec.image : spec.image_id);
    spec.image_id = image.id;
    config = image.config;
  }
  check_spec(spec);
  if (!spec.host.runtime.empty()) runtime.program_named(spec.host.runtime);
  // As Docker: as much swap again as memory, unless something else was said.
  if (spec.memory_bytes > 0 && spec.memory_swap_bytes == 0)
    spec.memory_swap_bytes = static_cast<int64_t>(spec.memory_bytes * 2);
  drop_unknown_limits(spec, cgroups);  // its warnings are the caller's: warnings_of()
  resolve_networks(spec);
  Record record = new_record(spec, config, clock.now());
  const std::string id = record.info.id;
  if (spec.log_driver != "none") record.info.log_path = directory(id) + "/container.log";
  spec.name = claim_name(spec.name, id);
  Finally undo([&] {
    const std::lock_guard lock(mutex);
    names.erase(spec.name);
  });
  record.mounts = resolve_mounts(spec, config);
  record.info.spec = spec;
  make_directories(directory(id), 0710);
  const auto container = std::make_shared<Container>(record);
  save(*container);
  undo.dismiss();
  {
    const std::lock_guard lock(mutex);
    containers[id] = container;
  }
  event(record, "create");
  return id;
}

}  // namespace slipway::container
