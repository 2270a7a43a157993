// What a container shares with others or with the machine: joined namespaces, shared memory,
// devices, further groups, and parts of volumes.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/strings.h"
#include "codec/json.h"
#include "container/oci_spec.h"
#include "container/prepare.h"
#include "linux/mounts.h"
#include "linux/rooted.h"

namespace slipway::container {
namespace {

std::string small_file(const linux::Root& root, std::string_view path) {
  const auto file = root.open_if_exists(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string text(static_cast<size_t>(std::min<off_t>(info.st_size, 4 << 20)), '\0');
  size_t size = 0;
  while (size < text.size()) {
    const size_t got = read_some(file->get(), std::span(text).subspan(size));
    if (got == 0) break;
    size += got;
  }
  text.resize(size);
  return text;
}

}  // namespace

// "container:<id>" -> /proc/<pid> of that container.
std::string Start::joined_pid(const std::string& mode, const char* what) const {
  const auto other = engine_.get(mode.substr(10))->snapshot();
  if (!is_up(other.info.state.status))
    throw conflict("cannot join {} of a non running container: {}", what, other.info.id);
  return fmt::format("/proc/{}", other.info.state.pid);
}

// What is bound on /dev/shm: the machine's, another container's, or one that others may join.
std::string Start::shared_memory(const std::string& mode) {
  if (mode == "host") return "/dev/shm";
  if (mode.starts_with("container:")) {
    const auto other = engine_.get(mode.substr(10))->snapshot();
    const std::string& theirs = other.info.spec.host.ipc_mode;
    if (theirs == "host") return "/dev/shm";
    if (theirs.starts_with("container:")) return shared_memory(theirs);
    if (theirs != "shareable")
      throw conflict(
          "can't join IPC of container {}: non-shareable IPC (hint: use IpcMode:shareable for the "
          "donor container)",
          other.info.id);
    return engine_.directory(other.info.id) + "/shm";
  }
  if (mode != "shareable") return {};
  const std::string path = directory_ + "/shm";
  make_directories(path);
  while (linux::unmount(path)) {
  }
  const uint64_t size = spec_.shm_size_bytes > 0 ? spec_.shm_size_bytes : 64u << 20;
  linux::mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
               fmt::format("mode=1777,size={}", size));
  return path;
}

// A folder of a volume is mounted by its descriptor: no symlink in the volume leads elsewhere, also
// not one that appears at this moment.
void Start::mount_subpaths() {
  int number = 0;
  for (ResolvedMount& mount : record_.mounts) {
    if (mount.subpath.empty()) continue;
    const linux::Root volume(mount.source);
    const auto part = volume.open_if_exists(mount.subpath, O_PATH | O_NOFOLLOW);
    if (!part)
      throw invalid_argument("cannot access path {}/{}: no such file or directory", mount.source,
                             mount.subpath);
    struct stat info {};
    check(::fstat(part->get(), &info), "stat {}", mount.subpath);
    const std::string target = fmt::format("{}/parts/{}", directory_, number++);
    if (S_ISDIR(info.st_mode)) {
      make_directories(target);
    } else {
      make_directories(directory_ + "/parts");
      write_file(target, "");
    }
    linux::bind_mount(fmt::format("/proc/self/fd/{}", part->get()), target);
    mount.source = target;
  }
}

void Start::join_namespaces(OciInput& input) {
  const HostOptions& host = spec_.host;
  if (host.pid_mode.starts_with("container:"))
    input.pid_path = joined_pid(host.pid_mode, "PID") + "/ns/pid";
  if (host.ipc_mode.starts_with("container:"))
    input.ipc_path = joined_pid(host.ipc_mode, "IPC") + "/ns/ipc";
  input.shm_path = shared_memory(host.ipc_mode);
  mount_subpaths();
  input.mounts = record_.mounts;
  if (spec_.privileged) input.devices = all_devices();
  for (const Device& device : host.devices) {
    for (DeviceNode& node : find_device(device)) {
      std::erase_if(input.devices, [&](const auto& known) { return known.path == node.path; });
      input.devices.push_back(std::move(node));
    }
  }
  input.block_io = block_io_json(host);
  if (host.group_add.empty()) return;
  const std::string groups = small_file(linux::Root(rootfs_), "/etc/group");
  for (const std::string& name : host.group_add) {
    const uint32_t gid = resolve_group(name, groups);
    auto& all = input.identity.additional_gids;
    if (std::find(all.begin(), all.end(), gid) == all.end()) all.push_back(gid);
  }
}

// crun takes a filter that is compiled already from an annotation, and leaves what it compiled in
// its state.
void Start::take_compiled_filter(nlohmann::json& spec) {
  auto& linux_part = spec["linux"];
  if (!linux_part.contains("seccomp")) return;
  if (!engine_.runtime.program_named(spec_.host.runtime).ends_with("/crun")) return;
  const std::string filter = linux_part["seccomp"].dump();
  const std::string program = engine_.filters.find(filter);
  if (program.empty()) {
    new_filter_ = filter;
  } else {
    spec["annotations"]["run.oci.seccomp_bpf_data"] = program;
  }
}

void Start::keep_compiled_filter() const {
  if (new_filter_.empty()) return;
  const auto program =
      read_file_if_exists(engine_.runtime.state_root() + "/" + id_ + "/seccomp.bpf");
  if (program) engine_.filters.keep(new_filter_, *program);
}

}  // namespace slipway::container
