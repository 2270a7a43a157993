// The engine's inside: what the files of this folder that implement Engine share.
//
// Locks. Container::operation makes one life-cycle change of a container at a time and is held
// across its I/O; Container::mutex guards what is read everywhere and is never held across I/O;
// Impl::mutex guards the maps. Order: operation, then either of the others, never both (an Exec's
// own mutex comes last). Whoever waits for an exit must not hold the operation lock: the exit's
// handler needs it.
#pragma once
#include <shared_mutex>

#include "base/error.h"
#include "base/fd.h"
#include "container/broadcast.h"
#include "container/conmon.h"
#include "container/dns_server.h"
#include "container/engine.h"
#include "container/events.h"
#include "container/exit_monitor.h"
#include "container/log_rotator.h"
#include "container/network.h"
#include "container/networks.h"
#include "container/record.h"
#include "container/runtime.h"
#include "container/seccomp.h"
#include "container/volumes.h"
#include "container/workers.h"
#include "linux/cgroups.h"

namespace slipway::container {

// An attach that waits for its container's start.
struct PendingAttach {
  Fd socket;
  bool done = false;  // the start happened (socket valid) or failed
};

struct Container {
  explicit Container(Record record_) : id(record_.info.id), record(std::move(record_)) {}
  const std::string id;
  std::mutex operation;
  mutable std::mutex mutex;
  // Guarded by mutex:
  Record record;
  uint64_t exits = 0;
  bool removed = false;
  std::vector<std::shared_ptr<PendingAttach>> pending;
  std::shared_ptr<const Fd> process;  // pidfd of the container's first process while it runs
  // Told after every change of the above.
  Broadcast changed;
  // Guarded by operation.
  Stop health_stop;
  std::jthread health;

  Record snapshot() const {
    const std::lock_guard lock(mutex);
    return record;
  }
  template <typename Fn>
  void update(Fn fn) {
    {
      const std::lock_guard lock(mutex);
      fn(record);
    }
    changed.notify();
  }
};
using ContainerPtr = std::shared_ptr<Container>;

// Where a start put the container.
struct Joined {
  std::vector<Endpoint> endpoints;
  std::vector<PortBinding> ports;
  std::string gateway;  // of the default route; empty: none
};

void set_endpoints(Info& info, const std::vector<Endpoint>& endpoints,
                   const std::vector<PortBinding>& ports);
// Whether the mode means networks of Networks (not host, none, another's namespace).
bool has_endpoints(const std::string& network_mode);
// What can be wrong about a wish. endpoint_check.cc
void check_endpoint(const NetworkInfo& network, const EndpointSpec& wanted);
// "container[:alias]" -> alias, container. Throws Error(invalid_argument).
std::pair<std::string, std::string> parse_link(const std::string& text);

struct Exec {
  mutable std::mutex mutex;
  ExecInfo info;
  bool kept = false;  // somebody may ask for it later (not a health probe); never changes
  bool started = false;
  TimePoint ended;
  Broadcast changed;
};
using ExecPtr = std::shared_ptr<Exec>;

inline bool is_up(Status status) {
  return status == Status::running || status == Status::paused;
}

struct Engine::Impl {
  Impl(Options options, store::Store& store, image::Images& images, Clock& clock);
  ~Impl();

  // --- paths ---
  std::string directory(const std::string& id) const { return options.root + "/" + id; }
  std::string run_directory(const std::string& id) const { return options.run_root + "/c/" + id; }
  std::string exec_directory(const std::string& id) const { return options.run_root + "/e/" + id; }
  std::string cgroup_of(const Record& record) const;

  // --- look-up (engine.cc) ---
  ContainerPtr find(const std::string& name_or_id) const;
  ContainerPtr get(const std::string& name_or_id) const;
  std::vector<ContainerPtr> all() const;
  void save(Container& container);
  void event(const Record& record, const std::string& action,
             std::map<std::string, std::string> attributes = {});

  // --- create (create.cc) ---
  std::string create(Spec spec);
  std::string claim_name(const std::string& wanted, const std::string& id);
  std::vector<ResolvedMount> resolve_mounts(const Spec& spec, const image::Config& config);
  std::vector<ResolvedMount> borrowed_mounts(const Spec& spec,
                                             std::set<std::string>& targets) const;
  image::Config image_config(const Spec& spec) const;

  // --- start (start.cc); the operation lock is held ---
  void start_locked(const ContainerPtr& container);
  void note_started(Container& container, const struct Started& started);
  void note_failed(Container& container, const std::string& text);
  void restart_later(const ContainerPtr& container, int attempt);

  // --- end (finish.cc); the operation lock is held except in handle_exit ---
  void handle_exit(const ContainerPtr& container, uint64_t start_number);
  void finish_locked(const ContainerPtr& container, int code, TimePoint time);
  void release_resources(const Record& record);
  void release_shared_mounts(const Record& record);
  bool volume_in_use(const std::string& name, const std::string& but) const;
  // volume_use.cc
  void enter_volumes(const Record& record);
  void leave_volumes(const Record& record);
  void adopt_volumes();
  void volume_event(const ResolvedMount& mount, const std::string& id, const char* action);
  void remove_locked(const ContainerPtr& container, bool volumes);
  void remove_ended_locked(const ContainerPtr& container);
  void end_health_locked(Container& container);

  // --- networks (join.cc: of a start and an end; connect.cc: by themselves) ---
  // What spec.networks is to be: names resolved, what network_mode says added. For create.
  void resolve_networks(Spec& spec) const;
  EndpointSpec resolve_endpoint(const EndpointSpec& wanted) const;
  // Namespace, links, ports, names: all of it, or release_resources() undoes what was done.
  Joined join_networks(const Record& record, const std::vector<PortBinding>& ports);
  void leave_networks(const Record& record);
  void adopt_networks(const Record& record);
  // Names and name server of an endpoint; those of all when the container was renamed.
  void publish_names(const Record& record, const Endpoint& endpoint);
  void renamed(const Record& record);
  // /etc/hosts and resolv.conf, in place when they are there: they may be mounted already.
  void write_network_files(const Record& record, const std::string& hostname, const Joined& joined);
  std::string link_lines(const Record& record) const;
  void networks_changed(Container& container, std::vector<Endpoint> endpoints,
                        const std::vector<EndpointSpec>& specs);
  void network_event(const Endpoint& endpoint, const std::string& id, const char* action);
  void connect(const ContainerPtr& container, const EndpointSpec& wanted);
  void disconnect(const ContainerPtr& container, const std::string& network);

  // --- signals (control.cc) ---
  void signal(Container& container, int number);
  // Until the exit after `exits` was noted; false: deadline.
  bool await_exit(Container& container, uint64_t exits, SteadyTime deadline) const;
  void kill_and_wait(const ContainerPtr& container);
  void remove_link(const ContainerPtr& container, const std::string& alias);

  // --- exec.cc, health.cc ---
  ExecPtr get_exec(const std::string& id) const;
  void forget_old_execs();
  Fd launch_exec(const ContainerPtr& container, const ExecPtr& exec, bool detach);
  void run_exec(const ContainerPtr& container, const ExecPtr& exec, const Streams& streams,
                bool detach, const Stop& stop);
  void finish_exec(const ContainerPtr& container, const ExecPtr& exec);
  // exec_files.cc: what is known of an exec over a restart of the daemon
  void keep_exec(Exec& exec) const;
  void drop_exec_files(const std::string& id) const;
  void recover_execs();
  void watch_health(const ContainerPtr& container);

  // --- recover.cc ---
  void recover_one(const ContainerPtr& container, std::set<std::string>& keep);
  void adopt(const ContainerPtr& container, ConmonHandle conmon, int pid);
  void sweep();

  const Options options;
  store::Store& store;
  image::Images& images;
  Clock& clock;
  const linux::Cgroups cgroups;
  Stop stop;
  std::atomic<bool> tearing_down = false;
  Events events;
  Runtime runtime;
  Dataplane network;
  Networks networks;
  DnsNames dns_names;
  DnsServer dns{dns_names};
  Volumes volumes;

  mutable std::shared_mutex mutex;
  std::map<std::string, ContainerPtr> containers;  // by id
  std::map<std::string, std::string> names;        // name -> id
  std::map<std::string, ExecPtr> execs;

  CompiledFilters filters;
  LogRotator rotator;
  Workers workers{8};
  ExitMonitor monitor;
};

}  // namespace slipway::container
