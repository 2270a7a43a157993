// The OCI runtime configuration (config.json) of a container, from its Spec and its image's config.
// Pure: whatever has to be looked up (user, mounts, paths) is given.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "container/accounts.h"
#include "container/devices.h"
#include "container/engine.h"
#include "container/record.h"
#include "container/seccomp.h"

namespace slipway::container {

struct Command {
  std::string path;
  std::vector<std::string> args;
};
// Docker's rule: an entrypoint of the container's own drops the image's command.
// Throws Error(invalid_argument) "no command specified".
Command resolve_command(const Spec& spec, const image::Config& config);

// The image's variables overridden by the container's, after PATH, HOSTNAME (and TERM for a
// terminal); HOME last unless set. Entries without '=' in the container's own unset a variable.
std::vector<std::string> resolve_environment(const Spec& spec, const image::Config& config,
                                             const std::string& hostname, const std::string& home);
// Later values of the same variable replace earlier ones, order kept.
void set_variable(std::vector<std::string>& env, std::string_view entry);

struct OciInput {
  const Spec& spec;
  const image::Config& config;
  Command command;
  std::string id, rootfs, hostname;
  Identity identity;
  std::string netns_path;                              // empty: the host's network
  std::string hosts_path, hostname_path, resolv_path;  // empty: none is mounted
  std::vector<ResolvedMount> mounts;
  std::string cgroups_path;
  std::string init_path;          // of the init program on the host; empty: none
  uint64_t capability_bound = 0;  // what this daemon may give
  bool cgroup_v2 = false, swap_accounting = false;
  std::string pid_path, ipc_path;   // of the container whose namespace is joined
  std::string shm_path;             // what is bound on /dev/shm; empty: a tmpfs of its own
  std::vector<DeviceNode> devices;  // beyond the standard ones
  nlohmann::json block_io;          // null: no limit
};
nlohmann::json build_oci_spec(const OciInput& input);

// The "process" member for an exec: the container's own with the exec's differences.
nlohmann::json build_exec_process(const nlohmann::json& container_process, const ExecSpec& exec,
                                  const Identity& identity, uint64_t capability_bound,
                                  bool set_home = false);  // HOME: the identity's

// --- parts ---

nlohmann::json build_mounts(const OciInput& input);
nlohmann::json build_resources(const OciInput& input);
// Docker's default set, changed by add and drop ("ALL" allowed), cut to the bound. Throws
// Error(invalid_argument) on an unknown name.
std::vector<std::string> resolve_capabilities(const std::vector<std::string>& add,
                                              const std::vector<std::string>& drop, bool privileged,
                                              uint64_t bound);
}  // namespace slipway::container
