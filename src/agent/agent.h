// Runs ECS tasks on this host and reports what became of them: the only way ecs/ reaches
// containers. Level-triggered: the control plane says which tasks should run (start, stop are
// idempotent, keyed by task ARN), the agent reports observed state; neither trusts the other's
// memory. Survives kill -9: what it started is in its store tables and in the container engine.
// Thread-safe.
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
#include "container/engine.h"
#include "image/image.h"
#include "registry/client.h"
#include "store/store.h"

namespace slipway::agent {

struct PortMapping {
  uint16_t container_port = 0, host_port = 0;
  std::string protocol = "tcp", name, app_protocol;
};
struct Dependency {
  std::string container, condition;  // START, COMPLETE, SUCCESS, HEALTHY
};
struct AwsLogs {
  std::string group, region, stream_prefix;
  bool create_group = false;
};
struct ContainerSpec {
  std::string name, image, container_arn;
  std::vector<std::string> entry_point, command;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<PortMapping> ports;
  std::vector<Dependency> depends_on;
  std::optional<image::HealthCheck> health_check;
  std::optional<AwsLogs> logs;
  std::map<std::string, std::string> labels;
  std::vector<container::Mount> mounts;
  std::vector<container::Ulimit> ulimits;
  std::string user, working_dir;
  bool essential = true, read_only_root = false, init = false, tty = false, interactive = false;
  int64_t cpu = 0, memory_mib = 0, memory_reservation_mib = 0;
  std::optional<int> stop_timeout_s, start_timeout_s;
};

// The elastic network interface of an awsvpc task: allotted by the control plane (ec2/).
struct NetworkInterface {
  std::string id, mac, ip, subnet_id, subnet_cidr, vpc_cidr, private_dns_name, attachment_id;
  std::vector<std::string> security_groups;
};

struct TaskSpec {
  std::string arn, id /* 32 hex */, cluster, family, service, launch_type, availability_zone;
  int revision = 0;
  std::string network_mode;  // awsvpc | bridge | host | none
  std::optional<NetworkInterface> network;
  std::vector<ContainerSpec> containers;
  std::map<std::string, std::string> tags;
  std::string task_role_arn, execution_role_arn;
  int64_t cpu = 0;  // units, 1024 = one vCPU; 0: none set
  int64_t memory_mib = 0;
  std::string region, account;
};

struct ContainerStatus {
  std::string name, container_arn, runtime_id, image, image_digest;
  std::string last_status = "PENDING";  // PENDING RUNNING STOPPED
  std::optional<int> exit_code;
  std::string reason;              // "CannotPullContainerError: ..."
  std::string health = "UNKNOWN";  // HEALTHY UNHEALTHY UNKNOWN
  std::optional<TimePoint> started_at, finished_at;
  std::vector<PortMapping> bindings;  // host ports as bound (bridge)
};

struct TaskStatus {
  std::string arn;
  // PROVISIONING PENDING ACTIVATING RUNNING DEACTIVATING STOPPING DEPROVISIONING STOPPED
  std::string last_status;
  std::string stop_code, stopped_reason;  // when the agent itself found the end
  std::vector<ContainerStatus> containers;
  std::string health = "UNKNOWN";
  std::optional<TimePoint> pull_started_at, pull_stopped_at, started_at, execution_stopped_at,
      stopping_at, stopped_at;
};

// Wired by the daemon.
struct Hooks {
  // awslogs: throws when the group is missing (task fails with ResourceInitializationError).
  std::function<void(const AwsLogs&, const std::string& stream)> open_log_stream;
  // Lines of one container, in order. ordinal: stable per line across restarts (dedupe).
  std::function<void(const AwsLogs&, const std::string& stream,
                     const std::vector<container::LogLine>&, uint64_t first_ordinal)>
      put_log_lines;
  // JSON body for AWS_CONTAINER_CREDENTIALS_RELATIVE_URI of a role.
  std::function<std::string(const std::string& role_arn, const std::string& task_arn)>
      role_credentials;
};

class Agent {
 public:
  struct Options {
    std::string root;      // <data dir>/tasks
    std::string run_root;  // /run/slipway
    // Given to every container; the task definition's own variables win.
    std::vector<std::pair<std::string, std::string>> environment{};
  };
  Agent(Options options, store::Store& store, container::Engine& engine, image::Images& images,
        registry::Client& registry, Clock& clock, Hooks hooks);
  ~Agent();  // leaves tasks running

  void recover();    // after a daemon start, once the engine has recovered
  void tear_down();  // for `slipway down`: stops tasks, removes namespaces and bridges

  void start_task(const TaskSpec& task);     // returns at once
  void stop_task(const std::string& arn);    // begins the ordered stop; unknown: no-op
  void forget_task(const std::string& arn);  // the control plane has recorded STOPPED
  std::optional<TaskStatus> status(const std::string& arn) const;
  std::vector<TaskStatus> list() const;
  // Grows with each change of any task; waits for a number above after.
  uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::agent
