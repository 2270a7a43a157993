// The daemon itself: ping, version, info, login, disk use.
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/auth.h"
#include "docker/container_json.h"
#include "docker/handlers.h"
#include "image/image.h"
#include "linux/cgroups.h"
#include "registry/client.h"

namespace slipway::docker {
namespace {

utsname kernel() {
  utsname out{};
  ::uname(&out);
  return out;
}

std::string operating_system() {
  const auto text = read_file_if_exists("/etc/os-release").value_or("");
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    return replace_all(line.substr(12), "\"", "");
  }
  return "Linux";
}

Json container_counts(const std::vector<container::Info>& containers) {
  int running = 0, paused = 0, stopped = 0;
  for (const auto& c : containers) {
    if (c.spec.owner != "docker") continue;
    if (c.state.status == container::Status::running) {
      ++running;
    } else if (c.state.status == container::Status::paused) {
      ++paused;
    } else {
      ++stopped;
    }
  }
  return {{"Containers", running + paused + stopped},
          {"ContainersRunning", running},
          {"ContainersPaused", paused},
          {"ContainersStopped", stopped}};
}

Json plugins() {
  return {{"Volume", {"local"}},
          {"Network", {"bridge", "host", "null"}},
          {"Authorization", nullptr},
          {"Log", {"json-file", "none"}}};
}

// What limits this machine knows: the CLI warns of each that is false.
Json capabilities_info() {
  const auto cgroups = linux::Cgroups::detect();
  const bool v2 = cgroups.layout() == linux::CgroupLayout::v2;
  const bool cpu = cgroups.has("cpu");
  const bool quota = v2 ? cpu : cgroups.has_setting("cpu", "cpu.cfs_quota_us");
  return {{"CgroupDriver", "cgroupfs"},
          {"CgroupVersion", v2 ? "2" : "1"},
          {"MemoryLimit", cgroups.has("memory")},
          {"SwapLimit",
           cgroups.has_setting("memory", v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes")},
          {"OomKillDisable", !v2 && cgroups.has_setting("memory", "memory.oom_control")},
          {"CpuCfsPeriod", quota},
          {"CpuCfsQuota", quota},
          {"CPUShares", cpu},
          {"CPUSet", cgroups.has("cpuset")},
          {"PidsLimit", cgroups.has("pids")},
          {"IPv4Forwarding", true},  // switched on with the first network
          {"Debug", false},
          {"ExperimentalBuild", false},
          {"LiveRestoreEnabled", true}};  // containers outlive the daemon, always
}

Json host_info(const Call& call) {
  const auto uts = kernel();
  struct sysinfo memory {};
  ::sysinfo(&memory);
  return {{"ID", call.deps.node_id},
          {"Name", uts.nodename},
          {"KernelVersion", uts.release},
          {"OperatingSystem", operating_system()},
          {"OSType", "linux"},
          {"OSVersion", ""},
          {"Architecture", uts.machine},
          {"NCPU", std::thread::hardware_concurrency()},
          {"MemTotal", static_cast<uint64_t>(memory.totalram) * memory.mem_unit},
          {"SystemTime", to_rfc3339(call.deps.clock.now(), 6)},
          {"DockerRootDir", call.deps.data_dir},
          {"ServerVersion", call.deps.version}};
}

}  // namespace

void ping(Call& call) {
  auto headers = call.headers("text/plain; charset=utf-8");
  headers.add("Builder-Version", "1");
  headers.add("Swarm", "inactive");
  headers.add("Cache-Control", "no-cache, no-store, must-revalidate");
  headers.add("Pragma", "no-cache");
  call.exchange.respond(200, headers, "OK");
}

void version(Call& call) {
  const auto uts = kernel();
  const auto api = fmt::format("1.{}", kMaxMinor);
  const auto oldest = fmt::format("1.{}", kMinMinor);
  const Json details = {{"ApiVersion", api}, {"MinAPIVersion", oldest},      {"Arch", "amd64"},
                        {"BuildTime", ""},   {"Experimental", "false"},      {"GitCommit", ""},
                        {"GoVersion", ""},   {"KernelVersion", uts.release}, {"Os", "linux"}};
  call.json(
      200,
      {{"Platform", {{"Name", "Slipway"}}},
       {"Components",
        Json::array({{{"Name", "Engine"}, {"Version", call.deps.version}, {"Details", details}}})},
       {"Version", call.deps.version},
       {"ApiVersion", api},
       {"MinAPIVersion", oldest},
       {"GitCommit", ""},
       {"GoVersion", ""},
       {"Os", "linux"},
       {"Arch", "amd64"},
       {"KernelVersion", uts.release},
       {"BuildTime", ""}});
}

void info(Call& call) {
  Json out = container_counts(call.deps.engine.list());
  out.update(host_info(call));
  out.update(capabilities_info());
  out.update(
      {{"Images", call.deps.images.list().size()},
       {"Driver", "overlayfs"},
       {"DriverStatus", Json::array({{"Content store", "shared with the registry"}})},
       {"Plugins", plugins()},
       {"LoggingDriver", "json-file"},
       {"IndexServerAddress", "https://index.docker.io/v1/"},
       {"RegistryConfig",
        {{"InsecureRegistryCIDRs", {"127.0.0.0/8"}},
         {"IndexConfigs", Json::object()},
         {"Mirrors", Json::array()}}},
       {"Runtimes", {{"crun", {{"path", "crun"}}}, {"runc", {{"path", "runc"}}}}},
       {"DefaultRuntime", "crun"},
       {"InitBinary", ""},
       {"Swarm", {{"NodeID", ""}, {"LocalNodeState", "inactive"}, {"RemoteManagers", nullptr}}},
       {"SecurityOptions", {"name=seccomp,profile=builtin", "name=cgroupns"}},
       {"Labels", Json::array()},
       {"HttpProxy", ""},
       {"HttpsProxy", ""},
       {"NoProxy", ""},
       {"Warnings", nullptr}});
  call.json(200, out);
}

void login(Call& call) {
  const auto request = parse_auth(call.body());
  if (!request) throw invalid_argument("a user name and a password are needed to log in");
  call.deps.registry.check_login(request->domain, request->credentials, call.exchange.stop());
  call.json(200, {{"Status", "Login Succeeded"}, {"IdentityToken", ""}});
}

void not_a_swarm_manager(Call&) {
  throw unavailable(
      "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
      "connect this node to swarm and try again.");
}

void list_plugins(Call& call) {
  call.json(200, Json::array());
}

}  // namespace slipway::docker
