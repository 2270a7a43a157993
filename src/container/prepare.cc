#include "container/prepare.h"

#include <unistd.h>

#include "base/files.h"
#include "base/strings.h"
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

void Start::mount_root() {
  linux::Overlay overlay;
  overlay.lower = spec_.lower_dirs;
  if (overlay.lower.empty())
    overlay.lower = engine_.images.unpack(engine_.images.get(spec_.image_id), engine_.stop);
  overlay.upper = spec_.upper_dir.empty() ? directory_ + "/upper" : spec_.upper_dir;
  overlay.work = spec_.upper_dir.empty() ? directory_ + "/work" : spec_.upper_dir + ".work";
  if (overlay.lower.empty()) {  // FROM scratch without a layer
    overlay.lower.push_back(directory_ + "/empty");
    make_directories(overlay.lower.back());
  }
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
  if (mode.empty() || mode == "bridge" || mode == "default") {
    const auto ports = ports_to_publish(spec_, config_);
    address_ = engine_.network.attach(id_, spec_.name, ports);
    netns_ = engine_.network.netns_path(id_);
  } else if (mode == "none") {
    engine_.network.attach_none(id_);
    netns_ = engine_.network.netns_path(id_);
  } else if (mode == "host") {
    if (spec_.hostname.empty()) hostname_ = host_name();
  } else if (mode.starts_with("container:")) {
    join(mode.substr(10));
  } else if (mode.starts_with("netns:/")) {
    netns_ = mode.substr(6);
    if (!exists(netns_)) throw not_found("no network namespace at {}", netns_);
  } else {
    throw not_found("network {} not found", mode);
  }
}

void Start::write_files() {
  if (!hosts_path_.empty()) return;  // shared with the container whose network is joined
  const bool own_network = spec_.network_mode != "host";
  hosts_path_ = spec_.hosts_file;
  if (hosts_path_.empty()) {
    hosts_path_ = directory_ + "/hosts";
    std::string text =
        hosts_text(address_.ip, hostname_, spec_.domainname, spec_.extra_hosts, address_.gateway);
    if (!own_network && spec_.extra_hosts.empty())
      text = read_file_if_exists("/etc/hosts").value_or(text);
    write_file(hosts_path_, text);
  }
  resolv_path_ = spec_.resolv_conf;
  if (resolv_path_.empty()) {
    resolv_path_ = directory_ + "/resolv.conf";
    std::string text;
    // Where systemd-resolved is the host's server on loopback, this file names the real ones.
    if (own_network) text = read_file_if_exists("/run/systemd/resolve/resolv.conf").value_or("");
    if (text.empty()) text = read_file_if_exists("/etc/resolv.conf").value_or("");
    write_file(resolv_path_, resolv_text(spec_, text, own_network));
  }
  hostname_path_ = directory_ + "/hostname";
  write_file(hostname_path_, hostname_ + "\n");
}

void Start::fill_volumes() {
  for (const ResolvedMount& mount : record_.mounts) {
    if (mount.type == "bind" && !exists(mount.source))
      throw invalid_argument(
          "invalid mount config for type \"bind\": bind source path does not exist: {}",
          mount.source);
    if (mount.type != "volume") continue;
    if (!engine_.volumes.find(mount.name)) throw not_found("get {}: no such volume", mount.name);
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
  write_file(run_ + "/config.json", build_oci_spec(input).dump(), 0600);
}

Started Start::create() {
  ConmonOptions options;
  options.container_id = options.unique_id = id_;
  options.name = spec_.name;
  options.directory = run_;
  options.runtime = engine_.runtime.program();
  options.runtime_root = engine_.runtime.state_root();
  options.log_path = record_.info.log_path;
  options.tty = spec_.tty;
  options.stdin_open = spec_.open_stdin;
  options.leave_stdin_open = spec_.open_stdin && !spec_.stdin_once;
  const ConmonStarted started = start_conmon(options);
  if (started.pid == 0) {
    const std::string text = describe_runtime_error(started.error, record_.info.path);
    throw Error(exit_code_of_start_error(text) == 128 ? Kind::internal : Kind::invalid_argument,
                text);
  }
  return {started.pid, std::make_shared<const Fd>(linux::open_pidfd(started.pid)), address_};
}

}  // namespace slipway::container
