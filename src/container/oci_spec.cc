#include "container/oci_spec.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"

namespace slipway::container {
namespace {

constexpr std::string_view kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const std::vector<std::string> kMaskedPaths = {
    "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
const std::vector<std::string> kReadonlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                 "/proc/sysrq-trigger"};

std::string_view variable_name(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

// A name such as "nofile" to the OCI form "RLIMIT_NOFILE".
Json build_rlimits(const std::vector<Ulimit>& ulimits) {
  Json out = Json::array();
  for (const Ulimit& limit : ulimits) {
    const auto value = [](int64_t n) { return n < 0 ? UINT64_MAX : static_cast<uint64_t>(n); };
    out.push_back({{"type", "RLIMIT_" + to_upper(limit.name)},
                   {"soft", value(limit.soft)},
                   {"hard", value(limit.hard)}});
  }
  return out;
}

Json user_json(const Identity& identity) {
  Json user = {{"uid", identity.uid}, {"gid", identity.gid}};
  if (!identity.additional_gids.empty()) user["additionalGids"] = identity.additional_gids;
  return user;
}

// A process that is not root gets no effective capabilities, only the bounding set.
Json capabilities_json(const std::vector<std::string>& names, uint32_t uid) {
  const std::vector<std::string> effective = uid == 0 ? names : std::vector<std::string>();
  return {{"bounding", names}, {"effective", effective}, {"permitted", effective}};
}

Json build_process(const OciInput& input, const std::vector<std::string>& capabilities) {
  const Spec& spec = input.spec;
  std::vector<std::string> args;
  if (!input.init_path.empty()) args = {"/sbin/docker-init", "--"};
  args.push_back(input.command.path);
  args.insert(args.end(), input.command.args.begin(), input.command.args.end());
  std::string cwd = spec.working_dir.empty() ? input.config.working_dir : spec.working_dir;
  if (cwd.empty()) cwd = "/";
  Json process = {
      {"terminal", spec.tty},
      {"user", user_json(input.identity)},
      {"args", args},
      {"env", resolve_environment(spec, input.config, input.hostname, input.identity.home)},
      {"cwd", cwd},
      {"capabilities", capabilities_json(capabilities, input.identity.uid)},
      {"noNewPrivileges", spec.host.no_new_privileges}};
  if (spec.host.oom_score_adj != 0) process["oomScoreAdj"] = spec.host.oom_score_adj;
  if (!spec.host.apparmor.empty()) process["apparmorProfile"] = spec.host.apparmor;
  if (!spec.ulimits.empty()) process["rlimits"] = build_rlimits(spec.ulimits);
  return process;
}

Json build_namespaces(const OciInput& input) {
  const HostOptions& host = input.spec.host;
  Json out = Json::array({{{"type", "mount"}}});
  const auto add = [&](const char* type, const std::string& path) {
    Json entry = {{"type", type}};
    if (!path.empty()) entry["path"] = path;
    out.push_back(std::move(entry));
  };
  if (host.pid_mode != "host") add("pid", input.pid_path);
  if (host.ipc_mode != "host") add("ipc", input.ipc_path);
  if (host.uts_mode != "host") add("uts", {});
  if (!input.netns_path.empty()) add("network", input.netns_path);
  // As Docker: on version 2 everybody has an own one, unless it was said otherwise.
  if (host.cgroupns_mode == "private" || (host.cgroupns_mode.empty() && input.cgroup_v2))
    add("cgroup", {});
  return out;
}

bool is_slave(const std::string& propagation) {
  return propagation == "slave" || propagation == "rslave";
}
bool is_shared(const std::string& propagation) {
  return propagation == "shared" || propagation == "rshared";
}

// What mounts of the container and of the machine see of each other is bounded by the root's own
// propagation.
std::string root_propagation(const std::vector<ResolvedMount>& mounts) {
  std::string out;
  for (const ResolvedMount& mount : mounts) {
    if (is_shared(mount.propagation)) return "shared";
    if (is_slave(mount.propagation)) out = "slave";
  }
  return out;
}

bool namespaced_sysctl(std::string_view name, bool own_network, bool own_ipc) {
  // The runtime makes a path of it: nothing that could lead to another setting.
  if (!only_alnum_and(name, "._-") || name.find("..") != std::string_view::npos) return false;
  for (std::string_view prefix : {"kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."}) {
    if (name.starts_with(prefix)) return own_ipc;
  }
  return own_network && name.starts_with("net.");
}

Json build_sysctls(const OciInput& input) {
  const bool own_network = !input.netns_path.empty();
  Json out = Json::object();
  if (own_network) {
    // As Docker does: no capability is needed for ping and for ports below 1024.
    out["net.ipv4.ip_unprivileged_port_start"] = "0";
    out["net.ipv4.ping_group_range"] = "0 2147483647";
  }
  if (!input.spec.domainname.empty() && input.spec.host.uts_mode != "host")
    out["kernel.domainname"] = input.spec.domainname;
  for (const auto& [name, value] : input.spec.sysctls) {
    if (!namespaced_sysctl(name, own_network, input.spec.host.ipc_mode != "host"))
      throw invalid_argument("sysctl \"{}\" is not in a separate kernel namespace", name);
    out[name] = value;
  }
  return out;
}

}  // namespace

Command resolve_command(const Spec& spec, const image::Config& config) {
  const bool own_entrypoint = spec.entrypoint_set || !spec.entrypoint.empty();
  std::vector<std::string> words = own_entrypoint ? spec.entrypoint : config.entrypoint;
  // docker run --entrypoint "" sends [""]: no entrypoint at all.
  if (words.size() == 1 && words[0].empty()) words.clear();
  const auto& cmd = !spec.cmd.empty() || own_entrypoint ? spec.cmd : config.cmd;
  words.insert(words.end(), cmd.begin(), cmd.end());
  if (words.empty()) throw invalid_argument("no command specified");
  Command command{words.front(), {}};
  command.args.assign(words.begin() + 1, words.end());
  return command;
}

void set_variable(std::vector<std::string>& env, std::string_view entry) {
  const std::string_view name = variable_name(entry);
  for (std::string& known : env) {
    if (variable_name(known) == name) {
      known = entry;
      return;
    }
  }
  env.emplace_back(entry);
}

std::vector<std::string> resolve_environment(const Spec& spec, const image::Config& config,
                                             const std::string& hostname, const std::string& home) {
  std::vector<std::string> env = {std::string(kDefaultPath), "HOSTNAME=" + hostname};
  if (spec.tty) env.emplace_back("TERM=xterm");
  for (const std::string& entry : config.env) set_variable(env, entry);
  for (const std::string& entry : spec.env) {
    if (entry.find('=') != std::string::npos) {
      set_variable(env, entry);
    } else {
      std::erase_if(env, [&](const std::string& known) { return variable_name(known) == entry; });
    }
  }
  const bool has_home = std::any_of(env.begin(), env.end(), [](const std::string& entry) {
    return variable_name(entry) == "HOME";
  });
  if (!has_home) env.push_back("HOME=" + home);
  return env;
}

// What it may see and call; a privileged one everything, unless a profile was named.
static void confine(Json& linux_part, const OciInput& input,
                    const std::vector<std::string>& capabilities) {
  const Spec& spec = input.spec;
  const HostOptions& host = spec.host;
  if (host.masked_paths || !spec.privileged)
    linux_part["maskedPaths"] = host.masked_paths.value_or(kMaskedPaths);
  if (host.readonly_paths || !spec.privileged)
    linux_part["readonlyPaths"] = host.readonly_paths.value_or(kReadonlyPaths);
  if (host.seccomp == "unconfined") return;
  if (!host.seccomp.empty()) {
    linux_part["seccomp"] = convert_seccomp(host.seccomp, capabilities);
  } else if (!spec.privileged) {
    linux_part["seccomp"] = build_seccomp(capabilities);
  }
}

Json build_oci_spec(const OciInput& input) {
  const Spec& spec = input.spec;
  const auto capabilities =
      resolve_capabilities(spec.cap_add, spec.cap_drop, spec.privileged, input.capability_bound);
  Json linux_part = {{"namespaces", build_namespaces(input)},
                     {"resources", build_resources(input)},
                     {"cgroupsPath", input.cgroups_path},
                     {"sysctl", build_sysctls(input)}};
  confine(linux_part, input, capabilities);
  if (!input.devices.empty()) linux_part["devices"] = devices_json(input.devices);
  const std::string propagation = root_propagation(input.mounts);
  if (!propagation.empty()) linux_part["rootfsPropagation"] = propagation;
  Json out = {{"ociVersion", "1.0.2"},
              {"process", build_process(input, capabilities)},
              {"root", {{"path", input.rootfs}, {"readonly", spec.read_only_root}}},
              {"mounts", build_mounts(input)},
              {"linux", std::move(linux_part)}};
  if (spec.host.uts_mode != "host") out["hostname"] = input.hostname;
  if (!spec.host.annotations.empty()) out["annotations"] = spec.host.annotations;
  return out;
}

Json build_exec_process(const Json& container_process, const ExecSpec& exec,
                        const Identity& identity, uint64_t capability_bound, bool set_home) {
  Json process = container_process;
  process["terminal"] = exec.tty;
  process["args"] = exec.cmd;
  process["user"] = user_json(identity);
  if (!exec.working_dir.empty()) process["cwd"] = exec.working_dir;
  auto env = process["env"].get<std::vector<std::string>>();
  if (exec.tty) {
    const bool has_term = std::any_of(env.begin(), env.end(), [](const std::string& entry) {
      return variable_name(entry) == "TERM";
    });
    if (!has_term) env.emplace_back("TERM=xterm");
  }
  if (set_home) set_variable(env, "HOME=" + identity.home);
  for (const std::string& entry : exec.env) set_variable(env, entry);
  process["env"] = env;
  auto names = process["capabilities"]["bounding"].get<std::vector<std::string>>();
  if (exec.privileged) names = resolve_capabilities({}, {}, true, capability_bound);
  process["capabilities"] = capabilities_json(names, identity.uid);
  return process;
}

}  // namespace slipway::container
