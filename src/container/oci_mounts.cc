// The mounts of an OCI configuration: the kernel file systems every container gets, the three files
// under /etc, then the container's own.
#include "base/strings.h"
#include "codec/json.h"
#include "container/oci_spec.h"

namespace slipway::container {
namespace {

Json entry(std::string_view target, std::string_view type, std::string_view source,
           std::vector<std::string> options) {
  return {
      {"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

Json bind_entry(const std::string& source, std::string_view target, bool read_only) {
  return entry(target, "bind", source, {"rbind", "rprivate", read_only ? "ro" : "rw"});
}

// /dev/shm and /dev/mqueue are what processes of one IPC namespace share.
void add_ipc_mounts(std::vector<Json>& out, const OciInput& input) {
  const std::string& mode = input.spec.host.ipc_mode;
  const uint64_t shm = input.spec.shm_size_bytes > 0 ? input.spec.shm_size_bytes : 64u << 20;
  out.push_back(entry("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (!input.shm_path.empty()) {
    out.push_back(bind_entry(input.shm_path, "/dev/shm", false));
  } else if (mode != "none") {
    out.push_back(entry("/dev/shm", "tmpfs", "shm",
                        {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", shm)}));
  }
}

void add_kernel_mounts(std::vector<Json>& out, const OciInput& input) {
  const bool privileged = input.spec.privileged;
  out.push_back(entry("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  out.push_back(
      entry("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  out.push_back(entry("/dev/pts", "devpts", "devpts",
                      {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  out.push_back(
      entry("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", privileged ? "rw" : "ro"}));
  out.push_back(entry("/sys/fs/cgroup", "cgroup", "cgroup",
                      {"nosuid", "noexec", "nodev", privileged ? "rw" : "ro"}));
  add_ipc_mounts(out, input);
}

Json own_mount(const ResolvedMount& mount) {
  if (mount.type != "tmpfs") {
    // Not "rprivate" for one that is not recursive: crun would take all of it as recursive.
    const std::string usual = mount.recursive ? "rprivate" : "private";
    std::vector<std::string> options = {mount.recursive ? "rbind" : "bind",
                                        mount.propagation.empty() ? usual : mount.propagation};
    // Never "rw": what is mounted read-only at the source stays so.
    if (mount.read_only) options.emplace_back("ro");
    if (mount.read_only_recursive) options.emplace_back("rro");
    return entry(mount.target, "bind", mount.source, std::move(options));
  }
  std::vector<std::string> options = mount.options;
  if (mount.read_only) options.emplace_back("ro");
  return entry(mount.target, "tmpfs", "tmpfs", std::move(options));
}

}  // namespace

Json build_mounts(const OciInput& input) {
  std::vector<Json> out;
  add_kernel_mounts(out, input);
  const auto taken = [&](std::string_view target) {
    return std::any_of(input.mounts.begin(), input.mounts.end(),
                       [&](const ResolvedMount& mount) { return mount.target == target; });
  };
  // The user's own mount of the same place wins.
  const bool read_only = input.spec.read_only_root;
  if (!input.resolv_path.empty() && !taken("/etc/resolv.conf"))
    out.push_back(bind_entry(input.resolv_path, "/etc/resolv.conf", read_only));
  if (!input.hostname_path.empty() && !taken("/etc/hostname"))
    out.push_back(bind_entry(input.hostname_path, "/etc/hostname", read_only));
  if (!input.hosts_path.empty() && !taken("/etc/hosts"))
    out.push_back(bind_entry(input.hosts_path, "/etc/hosts", read_only));
  if (!input.init_path.empty())
    out.push_back(bind_entry(input.init_path, "/sbin/docker-init", true));

  // Parents before children, whatever the order they were given in.
  std::vector<ResolvedMount> mounts = input.mounts;
  std::stable_sort(mounts.begin(), mounts.end(), [](const auto& a, const auto& b) {
    return std::count(a.target.begin(), a.target.end(), '/') <
           std::count(b.target.begin(), b.target.end(), '/');
  });
  for (const ResolvedMount& mount : mounts) {
    std::erase_if(out, [&](const Json& known) { return known["destination"] == mount.target; });
    out.push_back(own_mount(mount));
  }
  return out;
}

}  // namespace slipway::container
