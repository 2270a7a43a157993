// What a container may do to the machine: capabilities, the seccomp filter, and cgroup limits.
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

// System calls that are refused with EPERM unless the capability is there ("" : always).
struct Denied {
  const char* capability;
  std::vector<const char*> names;
};
const std::vector<Denied> kDenied = {
    {"",
     {"add_key",
      "request_key",
      "keyctl",
      "userfaultfd",
      "io_uring_setup",
      "io_uring_enter",
      "io_uring_register",
      "create_module",
      "get_kernel_syms",
      "query_module",
      "nfsservctl",
      "uselib",
      "ustat",
      "sysfs",
      "_sysctl",
      "vm86",
      "vm86old",
      "pivot_root",
      "kexec_file_load",
      "kexec_load",
      "swapon",
      "swapoff"}},
    {"CAP_SYS_ADMIN",
     {"mount", "umount", "umount2", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
      "fspick", "mount_setattr", "setns", "unshare", "quotactl", "quotactl_fd", "lookup_dcookie",
      "fanotify_init", "bpf", "perf_event_open"}},
    {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
    {"CAP_SYS_BOOT", {"reboot"}},
    {"CAP_SYS_MODULE", {"delete_module", "init_module", "finit_module"}},
    {"CAP_SYS_PACCT", {"acct"}},
    {"CAP_SYS_PTRACE", {"kcmp", "pidfd_getfd", "process_madvise"}},
    {"CAP_SYS_RAWIO", {"iopl", "ioperm"}},
    {"CAP_SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
    {"CAP_SYS_NICE", {"get_mempolicy", "mbind", "set_mempolicy", "move_pages", "migrate_pages"}},
    {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
};

// clone() may start processes and threads, but no new namespace.
constexpr std::array<uint64_t, 7> kNamespaceFlags = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                                     0x10000000, 0x20000000, 0x40000000};

Json errno_rule(Json names, int error_number) {
  return {{"names", std::move(names)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", error_number}};
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
  }
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

Json build_seccomp(const std::vector<std::string>& capabilities) {
  constexpr int kEperm = 1, kEnosys = 38;
  const auto has = [&](std::string_view name) {
    return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
  };
  Json denied = Json::array();
  for (const Denied& group : kDenied) {
    if (*group.capability != '\0' && has(group.capability)) continue;
    for (const char* name : group.names) denied.push_back(name);
  }
  Json rules = Json::array({errno_rule(std::move(denied), kEperm)});
  if (!has("CAP_SYS_ADMIN")) {
    for (const uint64_t flag : kNamespaceFlags) {
      Json rule = errno_rule(Json::array({"clone"}), kEperm);
      rule["args"] = Json::array(
          {{{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}}});
      rules.push_back(std::move(rule));
    }
    // Its flags are behind a pointer where no filter can see them; libc falls back to clone().
    rules.push_back(errno_rule(Json::array({"clone3"}), kEnosys));
  }
  Json out = {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", std::move(rules)}};
#if defined(__x86_64__)
  out["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
  out["architectures"] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif
  return out;
}

Json build_resources(const OciInput& input) {
  const Spec& spec = input.spec;
  Json resources = Json::object();
  if (spec.privileged) {
    resources["devices"] = Json::array({{{"allow", true}, {"access", "rwm"}}});
  } else {
    // Making any node is allowed (a file system may hold them), opening only the standard ones,
    // which the runtime adds itself.
    resources["devices"] = Json::array({{{"allow", false}, {"access", "rwm"}},
                                        {{"allow", true}, {"type", "c"}, {"access", "m"}},
                                        {{"allow", true}, {"type", "b"}, {"access", "m"}}});
  }
  Json memory = Json::object();
  if (spec.memory_bytes > 0) memory["limit"] = spec.memory_bytes;
  if (spec.memory_reservation_bytes > 0) memory["reservation"] = spec.memory_reservation_bytes;
  if (spec.memory_swap_bytes != 0 && input.swap_accounting) memory["swap"] = spec.memory_swap_bytes;
  if (!memory.empty()) resources["memory"] = std::move(memory);
  add_cpu(resources, spec);
  if (spec.pids_limit > 0) resources["pids"] = {{"limit", spec.pids_limit}};
  return resources;
}

}  // namespace slipway::container
