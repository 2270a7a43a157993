// What a container may do to the machine: capabilities, devices and cgroup limits.
#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"
#include "container/oci_spec.h"
#include "linux/caps.h"

namespace slipway::container {
namespace {

constexpr std::array kDefaultCapabilities = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
    "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",   "CAP_SETFCAP",
    "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};

uint64_t capability_bit(std::string_view name) {
  const auto number = linux::capability_number(name);
  if (!number) throw invalid_argument("invalid capability: \"{}\"", name);
  return uint64_t{1} << *number;
}

void add_cpu(Json& resources, const Spec& spec) {
  constexpr int64_t kPeriod = 100'000;
  Json cpu = Json::object();
  if (spec.cpu_shares > 0) cpu["shares"] = spec.cpu_shares;
  if (spec.nano_cpus > 0) {
    cpu["period"] = kPeriod;
    cpu["quota"] = std::max<int64_t>(spec.nano_cpus / (1'000'000'000 / kPeriod), 1000);
  } else if (spec.cpu_quota_us > 0) {
    cpu["quota"] = spec.cpu_quota_us;
    cpu["period"] = spec.cpu_period_us > 0 ? spec.cpu_period_us : kPeriod;
  } else if (spec.cpu_period_us > 0) {
    cpu["period"] = spec.cpu_period_us;
  }
  const HostOptions& host = spec.host;
  if (!host.cpuset_cpus.empty()) cpu["cpus"] = host.cpuset_cpus;
  if (!host.cpuset_mems.empty()) cpu["mems"] = host.cpuset_mems;
  if (host.cpu_realtime_period_us > 0) cpu["realtimePeriod"] = host.cpu_realtime_period_us;
  if (host.cpu_realtime_runtime_us > 0) cpu["realtimeRuntime"] = host.cpu_realtime_runtime_us;
  if (!cpu.empty()) resources["cpu"] = std::move(cpu);
}

}  // namespace

std::vector<std::string> resolve_capabilities(const std::vector<std::string>& add,
                                              const std::vector<std::string>& drop, bool privileged,
                                              uint64_t bound) {
  if (privileged) return linux::capability_names(bound);
  uint64_t mask = 0;
  for (const char* name : kDefaultCapabilities) mask |= capability_bit(name);
  for (const std::string& name : drop) {
    if (iequals(name, "ALL")) mask = 0;
  }
  for (const std::string& name : add) {
    if (iequals(name, "ALL")) mask = ~uint64_t{0};
  }
  for (const std::string& name : add) {
    if (!iequals(name, "ALL")) mask |= capability_bit(name);
  }
  for (const std::string& name : drop) {
    if (!iequals(name, "ALL")) mask &= ~capability_bit(name);
  }
  return linux::capability_names(mask & bound);
}

// Making any node is allowed (a file system may hold them), opening only the standard ones, which
// the runtime adds itself, and those that were asked for.
static Json device_rules(const OciInput& input) {
  if (input.spec.privileged) return Json::array({{{"allow", true}, {"access", "rwm"}}});
  Json rules = Json::array({{{"allow", false}, {"access", "rwm"}},
                            {{"allow", true}, {"type", "c"}, {"access", "m"}},
                            {{"allow", true}, {"type", "b"}, {"access", "m"}}});
  for (const DeviceNode& node : input.devices) rules.push_back(device_rule(node));
  for (const std::string& rule : input.spec.host.device_rules) rules.push_back(device_rule(rule));
  return rules;
}

Json build_resources(const OciInput& input) {
  const Spec& spec = input.spec;
  Json resources = Json::object();
  resources["devices"] = device_rules(input);
  Json memory = Json::object();
  if (spec.memory_bytes > 0) memory["limit"] = spec.memory_bytes;
  if (spec.memory_reservation_bytes > 0) memory["reservation"] = spec.memory_reservation_bytes;
  if (spec.memory_swap_bytes != 0 && input.swap_accounting) memory["swap"] = spec.memory_swap_bytes;
  if (spec.host.memory_swappiness) memory["swappiness"] = *spec.host.memory_swappiness;
  if (spec.host.oom_kill_disable) memory["disableOOMKiller"] = true;
  if (!memory.empty()) resources["memory"] = std::move(memory);
  add_cpu(resources, spec);
  if (spec.pids_limit > 0) resources["pids"] = {{"limit", spec.pids_limit}};
  if (!input.block_io.is_null()) resources["blockIO"] = input.block_io;
  return resources;
}

}  // namespace slipway::container
