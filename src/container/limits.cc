#include "container/limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "container/impl.h"
#include "linux/caps.h"

namespace slipway::container {
namespace {

void check_memory(const Spec& spec) {
  constexpr uint64_t kLeast = 6u << 20;
  const auto limit = static_cast<int64_t>(spec.memory_bytes);
  if (limit != 0 && spec.memory_bytes < kLeast)
    throw invalid_argument("Minimum memory limit allowed is 6MB");
  if (limit > 0 && spec.memory_swap_bytes > 0 && spec.memory_swap_bytes < limit)
    throw invalid_argument(
        "Minimum memoryswap limit should be larger than memory limit, see usage");
  if (limit == 0 && spec.memory_swap_bytes > 0)
    throw invalid_argument(
        "You should always set the Memory limit when using Memoryswap limit, see usage");
  if (spec.memory_reservation_bytes != 0 && spec.memory_reservation_bytes < kLeast)
    throw invalid_argument("Minimum memory reservation allowed is 6MB");
  if (limit > 0 && spec.memory_bytes < spec.memory_reservation_bytes)
    throw invalid_argument(
        "Minimum memory limit can not be less than memory reservation limit, see usage");
  const auto& swappiness = spec.host.memory_swappiness;
  if (swappiness && (*swappiness < 0 || *swappiness > 100))
    throw invalid_argument("Invalid value: {}, valid memory swappiness range is 0-100",
                           *swappiness);
  if (spec.host.oom_score_adj < -1000 || spec.host.oom_score_adj > 1000)
    throw invalid_argument("Invalid value {}, range for oom score adj is [-1000, 1000]",
                           spec.host.oom_score_adj);
}

void check_cpu_set(const std::string& list, const char* what, const std::string& available) {
  if (list.empty()) return;
  const auto wanted = parse_cpu_list(list);
  if (!wanted) throw invalid_argument("Invalid value {} for cpuset {}", list, what);
  const auto known = parse_cpu_list(trim(available));
  if (!known) return;
  if (!std::includes(known->begin(), known->end(), wanted->begin(), wanted->end()))
    throw invalid_argument("Requested {} are not available - requested {}, available: {}",
                           what == std::string_view("cpus") ? "CPUs" : "memory nodes", list,
                           trim(available));
}

void check_cpu(const Spec& spec, int cpus) {
  if (spec.nano_cpus < 0 || spec.nano_cpus > int64_t{cpus} * 1'000'000'000)
    throw invalid_argument(
        "range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available", cpus, cpus);
  if (spec.nano_cpus > 0 && (spec.cpu_quota_us > 0 || spec.cpu_period_us > 0))
    throw invalid_argument("Conflicting options: Nano CPUs and CPU {} cannot both be set.",
                           spec.cpu_quota_us > 0 ? "Quota" : "Period");
  if (spec.cpu_shares < 0)
    throw invalid_argument("invalid CPU shares ({}): value must be a positive integer",
                           spec.cpu_shares);
  if (spec.cpu_period_us != 0 && (spec.cpu_period_us < 1000 || spec.cpu_period_us > 1'000'000))
    throw invalid_argument(
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
        "(i.e. 1000000)");
  if (spec.cpu_quota_us > 0 && spec.cpu_quota_us < 1000)
    throw invalid_argument("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  const auto setting = [](const char* path) { return read_file_if_exists(path).value_or(""); };
  check_cpu_set(spec.host.cpuset_cpus, "cpus", setting("/sys/devices/system/cpu/online"));
  check_cpu_set(spec.host.cpuset_mems, "mems", setting("/sys/devices/system/node/online"));
}

constexpr std::array<std::pair<const char*, int>, 16> kUlimits = {
    {{"as", RLIMIT_AS},
     {"core", RLIMIT_CORE},
     {"cpu", RLIMIT_CPU},
     {"data", RLIMIT_DATA},
     {"fsize", RLIMIT_FSIZE},
     {"locks", RLIMIT_LOCKS},
     {"memlock", RLIMIT_MEMLOCK},
     {"msgqueue", RLIMIT_MSGQUEUE},
     {"nice", RLIMIT_NICE},
     {"nofile", RLIMIT_NOFILE},
     {"nproc", RLIMIT_NPROC},
     {"rss", RLIMIT_RSS},
     {"rtprio", RLIMIT_RTPRIO},
     {"rttime", RLIMIT_RTTIME},
     {"sigpending", RLIMIT_SIGPENDING},
     {"stack", RLIMIT_STACK}}};

std::optional<int> ulimit_number(std::string_view name) {
  for (const auto& [known, number] : kUlimits) {
    if (name == known) return number;
  }
  return std::nullopt;
}

void check_ulimits(const std::vector<Ulimit>& ulimits) {
  for (const Ulimit& limit : ulimits) {
    if (!ulimit_number(limit.name)) throw invalid_argument("invalid ulimit type: {}", limit.name);
    if (limit.hard >= 0 && (limit.soft > limit.hard || limit.soft < 0))
      throw invalid_argument("ulimit soft limit must be less than or equal to hard limit: {} > {}",
                             limit.soft, limit.hard);
  }
}

}  // namespace

std::optional<std::set<int>> parse_cpu_list(std::string_view text) {
  std::set<int> out;
  for (const std::string& part : split(text, ',')) {
    const auto [first, last] = split_once(part, '-');
    const auto from = parse_uint(first);
    const auto to = part.find('-') == std::string::npos ? from : parse_uint(last);
    if (!from || !to || *from > *to || *to > 8191) return std::nullopt;
    for (uint64_t i = *from; i <= *to; ++i) out.insert(static_cast<int>(i));
  }
  return out;
}

void check_limits(const Spec& spec, int cpus) {
  check_memory(spec);
  check_cpu(spec, cpus);
  check_ulimits(spec.ulimits);
  const auto& host = spec.host;
  const auto bad_weight = [](uint64_t weight) {
    return weight != 0 && (weight < 10 || weight > 1000);
  };
  if (bad_weight(host.blkio_weight))
    throw invalid_argument("Range of blkio weight is from 10 to 1000");
  for (const DeviceLimit& limit : host.blkio_weights) {
    if (bad_weight(limit.value)) throw invalid_argument("Range of blkio weight is from 10 to 1000");
  }
  for (const auto* list :
       {&host.blkio_weights, &host.read_bps, &host.write_bps, &host.read_iops, &host.write_iops}) {
    for (const DeviceLimit& limit : *list) {
      if (!exists(limit.path))
        throw invalid_argument("stat {}: no such file or directory", limit.path);
    }
  }
}

std::vector<std::string> cut_ulimits(std::vector<Ulimit>& ulimits, bool may_raise) {
  std::vector<std::string> warnings;
  if (may_raise) return warnings;
  for (Ulimit& limit : ulimits) {
    rlimit own{};
    const auto number = ulimit_number(limit.name);
    if (!number || ::getrlimit(static_cast<__rlimit_resource>(*number), &own) != 0) continue;
    if (own.rlim_max == RLIM_INFINITY) continue;
    const auto most = static_cast<int64_t>(own.rlim_max);
    if (limit.hard >= 0 && limit.hard <= most) continue;
    warnings.push_back(
        fmt::format("The limit {} of {} is above what this daemon may give. Cut to {}.", limit.name,
                    limit.hard < 0 ? "unlimited" : std::to_string(limit.hard), most));
    limit.hard = most;
    if (limit.soft < 0 || limit.soft > most) limit.soft = most;
  }
  return warnings;
}

// Those that only version 1 has.
static void drop_unknown_oom_settings(Spec& spec,
                                      const std::function<bool(const char* file)>& knows,
                                      std::vector<std::string>& warnings) {
  HostOptions& host = spec.host;
  if (host.memory_swappiness && !knows("memory.swappiness")) {
    warnings.emplace_back(
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
        "Memory swappiness discarded.");
    host.memory_swappiness.reset();
  }
  if (host.oom_kill_disable && !knows("memory.oom_control")) {
    warnings.emplace_back("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    host.oom_kill_disable = false;
  }
  if (host.oom_kill_disable && spec.memory_bytes == 0)
    warnings.emplace_back(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in "
        "the system running out of resources.");
}

std::vector<std::string> drop_unknown_limits(Spec& spec, const linux::Cgroups& cgroups) {
  std::vector<std::string> warnings;
  HostOptions& host = spec.host;
  const bool v2 = cgroups.layout() == linux::CgroupLayout::v2;
  const auto v1_memory = [&](const char* file) {
    return !v2 && cgroups.has_setting("memory", file);
  };
  const bool swap = v2 ? cgroups.has_setting("memory", "memory.swap.max")
                       : v1_memory("memory.memsw.limit_in_bytes");
  if (spec.memory_bytes > 0 && !swap) {
    if (spec.memory_swap_bytes >= 0)
      warnings.emplace_back(
          "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
          "Memory limited without swap.");
    spec.memory_swap_bytes = -1;
  }
  drop_unknown_oom_settings(spec, v1_memory, warnings);
  const bool weights =
      v2 ? cgroups.has_setting("io", "io.weight") : cgroups.has_setting("blkio", "blkio.weight");
  if (!weights && (host.blkio_weight != 0 || !host.blkio_weights.empty())) {
    warnings.emplace_back(
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight "
        "discarded.");
    host.blkio_weight = 0;
    host.blkio_weights.clear();
  }
  constexpr int kSysResource = 24;
  const bool may_raise = (linux::effective_capabilities() >> kSysResource & 1) != 0;
  for (std::string& warning : cut_ulimits(spec.ulimits, may_raise))
    warnings.push_back(std::move(warning));
  return warnings;
}

}  // namespace slipway::container
