// Capability names and masks; /proc/sys.
#include "linux/caps.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/strings.h"

namespace slipway::linux {
namespace {

constexpr const char* names[] = {"CAP_CHOWN",
                                 "CAP_DAC_OVERRIDE",
                                 "CAP_DAC_READ_SEARCH",
                                 "CAP_FOWNER",
                                 "CAP_FSETID",
                                 "CAP_KILL",
                                 "CAP_SETGID",
                                 "CAP_SETUID",
                                 "CAP_SETPCAP",
                                 "CAP_LINUX_IMMUTABLE",
                                 "CAP_NET_BIND_SERVICE",
                                 "CAP_NET_BROADCAST",
                                 "CAP_NET_ADMIN",
                                 "CAP_NET_RAW",
                                 "CAP_IPC_LOCK",
                                 "CAP_IPC_OWNER",
                                 "CAP_SYS_MODULE",
                                 "CAP_SYS_RAWIO",
                                 "CAP_SYS_CHROOT",
                                 "CAP_SYS_PTRACE",
                                 "CAP_SYS_PACCT",
                                 "CAP_SYS_ADMIN",
                                 "CAP_SYS_BOOT",
                                 "CAP_SYS_NICE",
                                 "CAP_SYS_RESOURCE",
                                 "CAP_SYS_TIME",
                                 "CAP_SYS_TTY_CONFIG",
                                 "CAP_MKNOD",
                                 "CAP_LEASE",
                                 "CAP_AUDIT_WRITE",
                                 "CAP_AUDIT_CONTROL",
                                 "CAP_SETFCAP",
                                 "CAP_MAC_OVERRIDE",
                                 "CAP_MAC_ADMIN",
                                 "CAP_SYSLOG",
                                 "CAP_WAKE_ALARM",
                                 "CAP_BLOCK_SUSPEND",
                                 "CAP_AUDIT_READ",
                                 "CAP_PERFMON",
                                 "CAP_BPF",
                                 "CAP_CHECKPOINT_RESTORE"};
constexpr int known = sizeof names / sizeof names[0];

uint64_t status_mask(std::string_view field) {
  const auto status = read_file("/proc/thread-self/status");
  for (const auto& line : split(status, '\n')) {
    if (!line.starts_with(field)) continue;
    const auto digits = trim(std::string_view(line).substr(field.size()));
    uint64_t mask = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
    return mask;
  }
  throw internal("/proc/thread-self/status has no line {}", field);
}

std::string sysctl_path(const std::string& name) {
  if (name.find("..") != std::string::npos || name.empty() || name[0] == '/')
    throw invalid_argument("not a kernel setting: {}", name);
  const bool slashed = name.find('/') != std::string::npos;
  return "/proc/sys/" + (slashed ? name : replace_all(name, ".", "/"));
}

}  // namespace

const char* capability_name(int number) {
  return number >= 0 && number < known ? names[number] : nullptr;
}

std::optional<int> capability_number(std::string_view name) {
  for (int i = 0; i < known; ++i) {
    const std::string_view full = names[i];
    if (iequals(full, name) || iequals(full.substr(4), name)) return i;
  }
  return std::nullopt;
}

uint64_t bounding_capabilities() {
  return status_mask("CapBnd:");
}

uint64_t effective_capabilities() {
  return status_mask("CapEff:");
}

std::vector<std::string> capability_names(uint64_t mask) {
  std::vector<std::string> out;
  for (int i = 0; i < known; ++i) {
    if ((mask >> i & 1) != 0) out.emplace_back(names[i]);
  }
  return out;
}

std::string read_sysctl(const std::string& name) {
  return std::string(trim(read_file(sysctl_path(name))));
}

void write_sysctl(const std::string& name, const std::string& value) {
  const Fd fd = open_file(sysctl_path(name), O_WRONLY);
  check(::write(fd.get(), value.data(), value.size()), "set {} to {}", name, value);
}

void ensure_sysctl(const std::string& name, const std::string& value) {
  if (read_sysctl(name) != value) write_sysctl(name, value);
}

}  // namespace slipway::linux
