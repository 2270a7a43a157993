#include "container/prepare.h"

#include <unistd.h>

#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "container/exec_check.h"
#include "container/host_check.h"
#include "container/oci_spec.h"
#include "linux/caps.h"
#include "linux/mounts.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  check(::gethostname(name.data(), name.size() - 1), "gethostname");
  return name.data();
}

// What -p asked for and, with -P, every exposed port that it left out.
std::vector<PortBinding> ports_to_publish(const Spec& spec, const image::Config& config) {
  std::vector<PortBinding> ports = spec.ports;
  if (!spec.publish_all) return ports;
  std::set<std::string> exposed(config.exposed_ports.begin(), config.exposed_ports.end());
  exposed.insert(spec.exposed_ports.begin(), spec.exposed_ports.end());
  for (const std::string& entry : exposed) {
    const auto [number, protocol_given] = split_once(entry, '/');
    const std::string protocol = protocol_given.empty() ? "tcp" : protocol_given;
    const auto port = parse_uint(number);
    if (!port || *port == 0 || *port > 65535)
      throw invalid_argument("invalid exposed port \"{}\"", entry);
    const bool given = std::any_of(ports.begin(), ports.end(), [&](const PortBinding& known) {
      return known.container_port == *port && known.protocol == protocol;
    });
    if (!given) ports.push_back({static_cast<uint16_t>(*port), protocol, "", 0});
  }
  return ports;
}

// The lowest layer of every container: what the runtime makes mount points of. So they do not turn
// up as the container's own changes, and what the image has of them is seen instead.
std::string mount_point_layer(const std::string& directory) {
  if (exists(directory)) return directory;
  const std::string made = directory + "-" + random_hex(8);
  for (const char* name : {"/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/etc"})
    make_directories(made + name);
  for (const char* name :
       {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console", "/.dockerenv"})
    write_file(made + name, "");
  // Somebody else may have been quicker.
  if (::rename(made.c_str(), directory.c_str()) != 0) remove_tree(made);
  return directory;
}

}  // namespace

Started Start::prepare() {
  remove_tree(run_);
  make_directories(run_, 0700);
  mount_root();
  connect();
  write_files();
  fill_volumes();
  write_spec();
  return create();
}

linux::Overlay overlay_of(Engine::Impl& engine, const Record& record) {
  const Spec& spec = record.info.spec;
  const std::string directory = engine.directory(record.info.id);
  linux::Overlay overlay;
  overlay.lower = spec.lower_dirs;
  if (overlay.lower.empty()) {
    overlay.lower = engine.images.unpack(engine.images.get(spec.image_id), engine.stop);
    overlay.lower.push_back(mount_point_layer(engine.options.root + "/../mount-points"));
  }
  overlay.upper = spec.upper_dir.empty() ? directory + "/upper" : spec.upper_dir;
  overlay.work = spec.upper_dir.empty() ? directory + "/work" : spec.upper_dir + ".work";
  return overlay;
}

void Start::mount_root() {
  const auto overlay = overlay_of(engine_, record_);
  rootfs_ = directory_ + "/merged";
  for (const std::string& path : {overlay.upper, overlay.work, rootfs_}) make_directories(path);
  while (linux::unmount(rootfs_)) {
  }
  linux::mount_overlay(overlay, rootfs_);
}

void Start::join(const std::string& other_name) {
  const auto other = engine_.get(other_name)->snapshot();
  if (!is_up(other.info.state.status))
    throw conflict("cannot join network of a non running container: {}", other.info.id);
  netns_ = fmt::format("/proc/{}/ns/net", other.info.state.pid);
  const std::string theirs = engine_.directory(other.info.id);
  hosts_path_ = theirs + "/hosts";
  hostname_path_ = theirs + "/hostname";
  resolv_path_ = theirs + "/resolv.conf";
  hostname_ =
      other.info.spec.hostname.empty() ? other.info.id.substr(0, 12) : other.info.spec.hostname;
}

void Start::connect() {
  const std::string& mode = spec_.network_mode;
  hostname_ = !spec_.hostname.empty() ? spec_.hostname : id_.substr(0, 12);
  if (has_endpoints(mode)) {
    joined_ = engine_.join_networks(record_, ports_to_publish(spec_, config_));
    netns_ = engine_.network.netns_path(id_);
  } else if (mode == "none") {
    engine_.network.make_namespace(id_);
    netns_ = engine_.network.netns_path(id_);
  } else if (mode == "host") {
    if (spec_.hostname.empty()) hostname_ = host_name();
  } else if (mode.starts_with("container:")) {
    join(mode.substr(10));
  } else if (mode.starts_with("netns:/")) {
    netns_ = mode.substr(6);
    if (!exists(netns_)) throw not_found("no network namespace at {}", netns_);
  }
}

void Start::write_files() {
  if (!hosts_path_.empty()) return;  // shared with the container whose network is joined
  hosts_path_ = spec_.hosts_file.empty() ? directory_ + "/hosts" : spec_.hosts_file;
  resolv_path_ = spec_.resolv_conf.empty() ? directory_ + "/resolv.conf" : spec_.resolv_conf;
  engine_.write_network_files(record_, hostname_, joined_);
  hostname_path_ = directory_ + "/hostname";
  write_file(hostname_path_, hostname_ + "\n");
}

void Start::fill_volumes() {
  engine_.enter_volumes(record_);
  for (const ResolvedMount& mount : record_.mounts) {
    if (mount.type == "bind" && !exists(mount.source))
      throw invalid_argument(
          "invalid mount config for type \"bind\": bind source path does not exist: {}",
          mount.source);
    if (mount.type == "volume" && !mount.no_copy && mount.subpath.empty())
      engine_.volumes.fill(mount.name, rootfs_, mount.target);
  }
}

std::string Start::init_program() const {
  if (!spec_.init) return {};
  for (const char* path :
       {"/usr/libexec/slipway/init", "/usr/bin/catatonit", "/usr/bin/tini-static",
        "/usr/bin/docker-init", "/usr/libexec/docker/docker-init"}) {
    if (exists(path)) return path;
  }
  throw unavailable("--init needs an init program on this machine: install catatonit or tini");
}

void Start::write_spec() {
  const std::string user = spec_.user.empty() ? config_.user : spec_.user;
  OciInput input{.spec = spec_,
                 .config = config_,
                 .command = {record_.info.path, record_.info.args},
                 .id = id_,
                 .rootfs = rootfs_,
                 .hostname = hostname_,
                 .identity = resolve_user_in(rootfs_, user),
                 .netns_path = netns_,
                 .hosts_path = hosts_path_,
                 .hostname_path = hostname_path_,
                 .resolv_path = resolv_path_,
                 .mounts = record_.mounts,
                 .cgroups_path = engine_.cgroup_of(record_),
                 .init_path = init_program(),
                 .capability_bound = linux::bounding_capabilities(),
                 .cgroup_v2 = engine_.cgroups.layout() == linux::CgroupLayout::v2,
                 .swap_accounting = exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")};
  if (input.cgroup_v2) input.swap_accounting = true;
  join_namespaces(input);
  auto spec = build_oci_spec(input);
  take_compiled_filter(spec);
  write_file(run_ + "/config.json", spec.dump(), 0600);
}

// Of a program that the kernel refuses runc says what Docker says, with the same exit code: where
// no runtime was chosen, such a container is runc's.
std::string Start::refusing_runtime() const {
  if (!spec_.host.runtime.empty() || spec_.owner == "build" || spec_.init) return {};
  const std::string& folder = spec_.working_dir.empty() ? config_.working_dir : spec_.working_dir;
  if (!exec_would_fail(linux::Root(rootfs_), record_.info.path,
                       resolve_environment(spec_, config_, hostname_, {}), folder))
    return {};
  try {
    return engine_.runtime.program_named("runc");
  } catch (const Error&) {  // not installed
    return {};
  }
}

Started Start::create() {
  ConmonOptions options;
  options.container_id = options.unique_id = id_;
  options.name = spec_.name;
  options.directory = run_;
  options.runtime_root = engine_.runtime.state_root();
  options.log_path = record_.info.log_path;
  const LogLimits limits = log_limits(spec_);
  options.log_max_size = limits.max_size;
  engine_.rotator.watch(id_, options.log_path, limits);
  options.tty = spec_.tty;
  options.stdin_open = spec_.open_stdin;
  options.leave_stdin_open = spec_.open_stdin && !spec_.stdin_once;
  options.runtime = refusing_runtime();
  ConmonStarted started;
  if (!options.runtime.empty()) {
    started = start_conmon(options);
    if (started.pid == 0) {  // it does not work on this machine: as if it were not there
      engine_.runtime.destroy(id_);
      remove_tree(run_ + "/exit");
    }
  }
  if (started.pid == 0) {
    options.runtime = engine_.runtime.program_named(spec_.host.runtime);
    started = start_conmon(options);
  }
  if (started.pid == 0) {
    const std::string text = describe_runtime_error(started.error, record_.info.path);
    throw Error(exit_code_of_start_error(text) == 128 ? Kind::internal : Kind::invalid_argument,
                text);
  }
  keep_compiled_filter();
  return {started.pid, std::make_shared<const Fd>(linux::open_pidfd(started.pid)), joined_};
}

}  // namespace slipway::container
