// Containers: the one place that creates, starts, watches and removes them, for the Docker API, the
// builder's RUN and ECS's agent alike. crun (or runc) starts a container, conmon stays with it, so
// containers outlive the daemon; after a restart recover() finds them again.
// Thread-safe. Every failure is an Error whose text is what `docker` would print.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "container/endpoint.h"
#include "container/host_options.h"
#include "image/image.h"
#include "net/http.h"

namespace slipway::container {

struct PortBinding {
  uint16_t container_port = 0;
  std::string protocol = "tcp";
  std::string host_ip;         // empty: all addresses
  uint16_t host_port = 0;      // 0: chosen at start
  uint16_t host_port_end = 0;  // a range: the first free port of it is taken at start
};

struct Mount {
  std::string type;    // bind, volume, tmpfs
  std::string source;  // path, or volume name
  std::string target;
  bool read_only = false;
  std::string propagation;  // rprivate when empty
  uint64_t tmpfs_size = 0;
  std::string tmpfs_options;                   // "mode=1770,exec"
  bool no_copy = false;                        // a volume is not filled from the image
  bool recursive = true;                       // a bind takes what is mounted below along
  bool read_only_recursive = true;             // ... and makes that read-only too
  bool create_source = false;                  // a bind's missing source is made
  std::string subpath;                         // of a volume
  std::map<std::string, std::string> labels;   // of a volume that is made
  std::map<std::string, std::string> options;  // of its driver: type, device, o
};

struct Ulimit {
  std::string name;
  int64_t soft = 0, hard = 0;
};

// How the container is to be. Empty means: the image's, then the default.
struct Spec {
  std::string name;      // docker name; generated when empty
  std::string image;     // reference or id, as the user gave it
  std::string image_id;  // resolved; filled by create
  std::vector<std::string> entrypoint, cmd;
  bool entrypoint_set = false;   // an explicit empty entrypoint clears the image's
  std::vector<std::string> env;  // over the image's
  std::string user, working_dir, hostname, domainname, stop_signal;
  std::optional<int> stop_timeout;  // seconds
  bool tty = false, open_stdin = false, stdin_once = false;
  bool attach_stdin = false, attach_stdout = false, attach_stderr = false;
  std::map<std::string, std::string> labels;
  std::vector<Mount> mounts;
  std::vector<std::string> tmpfs;  // "path[:options]"
  std::vector<PortBinding> ports;
  std::vector<std::string> exposed_ports;  // "80/tcp"
  bool publish_all = false;
  bool auto_remove = false, read_only_root = false, init = false, privileged = false;
  std::string restart_policy;  // "", no, always, on-failure, unless-stopped
  int restart_max = 0;
  std::optional<image::HealthCheck> health_check;
  // bridge (default), host, none, container:<id>, netns:<path> (agent: an existing pinned
  // namespace), or the name of a network
  std::string network_mode;
  std::vector<EndpointSpec> networks;  // create adds what network_mode says when it is not there
  std::vector<std::string> links;      // --link on the default bridge: "container[:alias]"
  std::vector<std::string> dns, dns_search, extra_hosts;
  std::string resolv_conf, hosts_file;  // paths to use as they are (agent)
  std::vector<std::string> cap_add, cap_drop;
  std::vector<Ulimit> ulimits;
  uint64_t memory_bytes = 0, memory_reservation_bytes = 0;
  int64_t memory_swap_bytes = 0;
  int64_t nano_cpus = 0, cpu_shares = 0, cpu_quota_us = 0, cpu_period_us = 0, pids_limit = 0;
  std::string cgroup_parent;  // "" : slipway
  uint64_t shm_size_bytes = 0;
  std::map<std::string, std::string> sysctls;
  std::string log_driver = "json-file";  // json-file, local or none
  std::string owner = "docker";  // docker | build | ecs: only docker's are shown by `docker ps`
  // Explicit root filesystem layers instead of the image's (builder): lowerdirs top first, and the
  // upper directory to write to (kept after removal).
  std::vector<std::string> lower_dirs;
  std::string upper_dir;
  HostOptions host;
};

enum class Status { created, running, paused, restarting, exited, dead, removing };
const char* to_string(Status status);

struct HealthResult {
  TimePoint start, end;
  int exit_code = 0;
  std::string output;
};

struct State {
  Status status = Status::created;
  int pid = 0;
  int exit_code = 0;
  bool oom_killed = false;
  std::string error;
  std::optional<TimePoint> started_at, finished_at;
  std::string health;  // "", starting, healthy, unhealthy
  int health_failing_streak = 0;
  std::vector<HealthResult> health_log;  // the last five; not kept over a restart of the daemon
  int restart_count = 0;
};

struct Info {
  std::string id;  // 64 hex
  Spec spec;       // as given, with defaults and image values not merged in
  State state;
  TimePoint created;
  std::string path;  // the resolved command
  std::vector<std::string> args;
  std::string ip, gateway, mac;
  int ip_prefix = 0;
  std::vector<Endpoint> endpoints;  // while it runs; ip and the like are the first one's
  std::vector<PortBinding> ports;   // as bound
  std::string log_path;
};

struct LogLine {
  TimePoint time;
  int stream = 1;    // 1 stdout, 2 stderr
  std::string text;  // with its newline, if it had one
};
struct LogOptions {
  bool follow = false, out = true, err = true;
  std::optional<TimePoint> since, until;
  int64_t tail = -1;  // lines; -1 all
};

struct ExecSpec {
  std::vector<std::string> cmd, env;
  std::string user, working_dir;
  bool tty = false, attach_stdin = false, attach_stdout = true, attach_stderr = true,
       privileged = false;
  std::string detach_keys;  // bytes that end an attachment; "" ctrl-p ctrl-q
};
struct ExecInfo {
  std::string id, container_id;
  ExecSpec spec;
  bool running = false;
  std::optional<int> exit_code;
  int pid = 0;
};

struct Event {
  TimePoint time;
  std::string type, action, id;                   // "container", "start", id
  std::map<std::string, std::string> attributes;  // image, name, exitCode, labels...
};

// Where a started process's output goes and its input comes from.
struct Streams {
  std::function<void(int stream, std::string_view bytes)> output;  // called from one thread
  net::Stream* input = nullptr;  // read until EOF, then stdin is closed
  // Bytes in the input that end the attachment but not stdin; "" : none.
  std::string detach_keys;
};

// New limits of a container; 0, "" and nullopt leave what is there.
struct Changes {
  uint64_t memory_bytes = 0, memory_reservation_bytes = 0;
  int64_t memory_swap_bytes = 0;  // -1: no limit
  int64_t nano_cpus = 0, cpu_shares = 0, cpu_quota_us = 0, cpu_period_us = 0;
  std::optional<int64_t> pids_limit;  // 0 or -1: no limit
  std::string cpuset_cpus, cpuset_mems;
  uint16_t blkio_weight = 0;
  std::string restart_policy;
  int restart_max = 0;
};

class Networks;
class Volumes;
struct Stats;
class Files;
enum class FilesView;

enum class WaitCondition { not_running, next_exit, removed };

class Engine {
 public:
  struct Options {
    std::string root;      // <data dir>/containers
    std::string run_root;  // /run/slipway: sockets, pid files
    std::string bridge = "slipway0";
    std::string bridge_cidr = "172.29.0.1/16";
    std::string runtime;  // path of crun or runc; empty: the first that works here
  };
  Engine(Options options, store::Store& store, image::Images& images, Clock& clock);
  ~Engine();  // leaves containers running

  std::string runtime() const;  // the program that starts containers; probes on first use

  // After a start: finds running containers again, notes those that ended, applies restart
  // policies.
  void recover();
  // For `slipway down`: stops everything and removes bridge, nft tables, cgroups, mounts.
  void tear_down();

  std::string create(const Spec& spec);  // 404 image unknown, 409 name taken
  void start(const std::string& id);
  // signal: instead of the container's stop signal.
  void stop(const std::string& id, std::optional<int> timeout_s,
            std::optional<int> signal = std::nullopt);
  void kill(const std::string& id, int signal);
  void restart(const std::string& id, std::optional<int> timeout_s,
               std::optional<int> signal = std::nullopt);
  void pause(const std::string& id);
  void unpause(const std::string& id);
  void rename(const std::string& id, const std::string& name);
  // "container/alias", an alias of --link. Throws Error(not_found) when there is none.
  void remove_link(const std::string& name);
  // Running containers are changed at once. Returns warnings.
  std::vector<std::string> update(const std::string& id, const Changes& changes);
  void remove(const std::string& id, bool force, bool volumes);
  // Blocks; returns the exit code (condition removed: as it was). on_armed is called once the wait
  // can no longer miss the event.
  int wait(const std::string& id, WaitCondition condition, const Stop& stop,
           const std::function<void()>& on_armed = {});

  // Name, id or unambiguous prefix. Throws Error(not_found) "No such container: X".
  Info inspect(const std::string& name_or_id) const;
  std::optional<Info> find(const std::string& name_or_id) const;
  std::vector<Info> list() const;
  Stats stats(const std::string& id) const;  // container/stats.h
  // What create will not do as asked on this machine, and what it will do instead.
  std::vector<std::string> warnings_of(const Spec& spec) const;

  // Calls sink for each line until the end (or stop, with follow); false from sink ends it.
  void logs(const std::string& id, const LogOptions& options, const Stop& stop,
            const std::function<bool(const LogLine&)>& sink) const;
  // Copies both ways until the container ends or the client goes.
  void attach(const std::string& id, const Streams& streams, bool stdin_open, const Stop& stop,
              const std::function<void()>& on_attached = {});
  void resize(const std::string& id, int height, int width);

  std::string exec_create(const std::string& container, const ExecSpec& spec);
  // Runs to its end; output to streams (may be empty for detached).
  void exec_start(const std::string& exec_id, const Streams& streams, bool detach,
                  const Stop& stop);
  ExecInfo exec_inspect(const std::string& exec_id) const;
  void exec_resize(const std::string& exec_id, int height, int width);
  std::vector<std::string> execs_of(const std::string& id) const;  // that have not ended

  // A cursor at the first event that is kept and not older than this (a few thousand are kept).
  uint64_t events_since(TimePoint time) const;
  // Waits for events after the cursor (0: from now on); returns the new ones.
  std::vector<Event> events(uint64_t& cursor, const Stop& stop, SteadyTime deadline) const;
  void publish(const Event& event);  // images, volumes...

  Volumes& volumes();    // container/volumes.h
  Networks& networks();  // container/networks.h
  // A running container is on (off) the network at once, another at its next start.
  void connect(const std::string& id, const EndpointSpec& endpoint);
  void disconnect(const std::string& id, const std::string& network);
  // A container's files from outside (container/files.h): for cp, diff, export, commit. A container
  // that is not up cannot be started or removed while the result lives.
  std::unique_ptr<Files> files(const std::string& id, FilesView view);
  // What the container wrote: an overlay's upper directory. It may not be there yet.
  std::string written_dir(const std::string& id) const;

  struct Impl;  // container/impl.h: only for this folder

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::container
