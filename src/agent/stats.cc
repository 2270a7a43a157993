#include "agent/stats.h"

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/json.h"
#include "linux/cgroups.h"

namespace slipway::agent {

std::string control_group_of(std::string_view proc_cgroup) {
  std::string unified;
  for (const auto& line : split(proc_cgroup, '\n')) {
    const auto [number, rest] = split_once(line, ':');
    const auto [controllers, path] = split_once(rest, ':');
    if (path.size() < 2) continue;  // "/": the root, or nothing
    if (controllers.empty()) unified = path;
    const auto names = split(controllers, ',');
    if (std::find(names.begin(), names.end(), "memory") != names.end()) return path;
  }
  return unified;
}

Json container_stats(container::Engine& engine, const ContainerRecord& container) {
  const auto info = container.engine_id.empty() ? std::nullopt : engine.find(container.engine_id);
  if (!info || info->state.pid == 0) return nullptr;
  try {
    const auto path = control_group_of(read_file(fmt::format("/proc/{}/cgroup", info->state.pid)));
    if (path.empty()) return nullptr;
    const auto usage = linux::Cgroups::detect().usage(path);
    const SystemClock clock;
    return {{"id", info->id},
            {"name", "/" + container.docker_name},
            {"read", to_rfc3339(clock.now(), 9)},
            {"num_procs", 0},
            {"pids_stats", {{"current", usage.pids}}},
            {"cpu_stats",
             {{"cpu_usage",
               {{"total_usage", usage.cpu_ns},
                {"usage_in_kernelmode", usage.cpu_system_ns},
                {"usage_in_usermode", usage.cpu_user_ns}}},
              {"online_cpus", std::thread::hardware_concurrency()}}},
            {"memory_stats",
             {{"usage", usage.memory_bytes},
              {"max_usage", usage.memory_peak_bytes},
              {"limit", usage.memory_limit_bytes},
              {"stats", {{"inactive_file", usage.memory_cache_bytes}}}}}};
  } catch (const Error&) {
    return nullptr;  // it ended meanwhile
  }
}

}  // namespace slipway::agent
