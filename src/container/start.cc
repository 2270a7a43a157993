// Starting: root file system, network, files, OCI configuration, conmon, and at last the runtime's
// start. Each step that took something gives it back when a later one fails.
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/impl.h"
#include "container/oci_spec.h"
#include "linux/caps.h"
#include "linux/mounts.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

struct Started {
  int pid = 0;
  Network::Address address;
};

std::string host_name() {
  std::array<char, 256> name{};
  check(::gethostname(name.data(), name.size() - 1), "gethostname");
  return name.data();
}

// Everything one start prepares.
class Start {
 public:
  Start(Engine::Impl& engine, const Record& record)
      : engine_(engine),
        record_(record),
        spec_(record.info.spec),
        id_(record.info.id),
        directory_(engine.directory(id_)),
        run_(engine.run_directory(id_)),
        config_(engine.image_config(spec_)) {}

  // Up to the created, not yet running container.
  Started prepare() {
    remove_tree(run_);
    make_directories(run_, 0700);
    mount_root();
    connect();
    write_files();
    fill_volumes();
    write_spec();
    return create();
  }

 private:
  void mount_root();
  void connect();
  void join(const std::string& other);
  void write_files();
  void fill_volumes();
  void write_spec();
  Started create();
  std::string init_program() const;

  Engine::Impl& engine_;
  const Record& record_;
  const Spec& spec_;
  const std::string id_, directory_, run_;
  const image::Config config_;
  std::string rootfs_, netns_, hostname_, hosts_path_, hostname_path_, resolv_path_;
  Network::Address address_;
};

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
    std::vector<PortBinding> ports = spec_.ports;
    if (spec_.publish_all) {
      std::vector<std::string> exposed = config_.exposed_ports;
      exposed.insert(exposed.end(), spec_.exposed_ports.begin(), spec_.exposed_ports.end());
      std::sort(exposed.begin(), exposed.end());
      exposed.erase(std::unique(exposed.begin(), exposed.end()), exposed.end());
      for (const std::string& entry : exposed) {
        const auto [number, protocol] = split_once(entry, '/');
        const auto port = parse_uint(number);
        if (!port || *port == 0 || *port > 65535)
          throw invalid_argument("invalid exposed port \"{}\"", entry);
        const bool given = std::any_of(ports.begin(), ports.end(), [&](const PortBinding& known) {
          return known.container_port == *port;
        });
        if (!given)
          ports.push_back(
              {static_cast<uint16_t>(*port), protocol.empty() ? "tcp" : protocol, "", 0});
      }
    }
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
  return {started.pid, address_};
}

// Gives every waiting attach its connection (or none when the start failed).
void serve_attachments(Container& container, const std::string& directory, bool started) {
  std::vector<std::shared_ptr<PendingAttach>> pending;
  {
    const std::lock_guard lock(container.mutex);
    pending = std::exchange(container.pending, {});
  }
  for (const auto& attach : pending) {
    Fd socket;
    if (started) {
      try {
        socket = connect_attach(directory);
      } catch (const std::exception& e) {
        log::warning("container", "attach to {}: {}", container.id, e.what());
      }
    }
    const std::lock_guard lock(container.mutex);
    attach->socket = std::move(socket);
    attach->done = true;
  }
  if (!pending.empty()) container.changed.notify();
}

}  // namespace

void Engine::Impl::start_locked(const ContainerPtr& container) {
  const Record record = container->snapshot();
  const std::string run = run_directory(record.info.id);
  try {
    const Started started = Start(*this, record).prepare();
    auto conmon = find_conmon(run, record.info.id);
    if (!conmon) throw unavailable("conmon of container {} ended at once", record.info.id);
    const auto process = std::make_shared<const Fd>(linux::open_pidfd(started.pid));
    serve_attachments(*container, run, true);
    runtime.start(record.info.id);
    container->update([&](Record& r) {
      r.info.state.status = Status::running;
      r.info.state.pid = started.pid;
      r.info.state.exit_code = 0;
      r.info.state.oom_killed = false;
      r.info.state.error.clear();
      r.info.state.started_at = clock.now();
      r.info.ip = started.address.ip;
      r.info.gateway = started.address.gateway;
      r.info.mac = started.address.mac;
      r.info.ip_prefix = started.address.prefix;
      r.info.ports = started.address.ports;
      r.manually_stopped = false;
      ++r.start_number;
      container->process = process;
    });
    save(*container);
    const uint64_t number = record.start_number + 1;
    event(container->snapshot(), "start");
    watch_health(container);
    monitor.watch(std::move(conmon->pidfd), [this, container, number] {
      workers.post([this, container, number] { handle_exit(container, number); });
    });
  } catch (const std::exception& e) {
    const std::string text = e.what();
    serve_attachments(*container, run, false);
    release_resources(record);
    container->update([&](Record& r) {
      if (r.info.state.status == Status::running) r.info.state.status = Status::exited;
      r.info.state.pid = 0;
      r.info.state.exit_code = exit_code_of_start_error(text);
      r.info.state.error = text;
      container->process = nullptr;
      ++container->exits;
    });
    save(*container);
    throw;
  }
}

void Engine::start(const std::string& id) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const Record record = container->snapshot();
  switch (record.info.state.status) {
    case Status::running:
      throw not_modified("container {} is running already", record.info.id);
    case Status::paused:
      throw conflict("cannot start a paused container, try unpause instead");
    case Status::removing:
    case Status::dead:
      throw conflict("container is marked for removal and cannot be started");
    default:
      break;
  }
  container->update([](Record& r) {
    r.restart_attempts = 0;
    r.info.state.restart_count = 0;
  });
  try {
    impl_->start_locked(container);
  } catch (const std::exception&) {
    if (record.info.spec.auto_remove) impl_->remove_locked(container, true);
    throw;
  }
}

}  // namespace slipway::container
