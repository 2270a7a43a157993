// The stored form of a task record.
#include <nlohmann/json.hpp>

#include "agent/record.h"
#include "codec/json.h"

namespace slipway::agent {
namespace {

Json time_json(const std::optional<TimePoint>& time) {
  return time ? Json(time->time_since_epoch().count()) : Json();
}

std::optional<TimePoint> time_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return TimePoint(microseconds(found->get<int64_t>()));
}

Json health_json(const std::optional<image::HealthCheck>& check) {
  if (!check) return nullptr;
  return {{"test", check->test},
          {"interval_ns", check->interval_ns},
          {"timeout_ns", check->timeout_ns},
          {"start_period_ns", check->start_period_ns},
          {"retries", check->retries}};
}

std::optional<image::HealthCheck> health_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  image::HealthCheck check;
  check.test = json.at("test").get<std::vector<std::string>>();
  check.interval_ns = json.value("interval_ns", int64_t{0});
  check.timeout_ns = json.value("timeout_ns", int64_t{0});
  check.start_period_ns = json.value("start_period_ns", int64_t{0});
  check.retries = json.value("retries", 0);
  return check;
}

Json mounts_json(const std::vector<container::Mount>& mounts) {
  Json out = Json::array();
  for (const auto& mount : mounts)
    out.push_back({{"type", mount.type},
                   {"source", mount.source},
                   {"target", mount.target},
                   {"read_only", mount.read_only},
                   {"propagation", mount.propagation},
                   {"tmpfs_size", mount.tmpfs_size}});
  return out;
}

std::vector<container::Mount> mounts_of(const Json& json) {
  std::vector<container::Mount> out;
  for (const auto& item : json) {
    container::Mount mount;
    mount.type = item.value("type", "");
    mount.source = item.value("source", "");
    mount.target = item.value("target", "");
    mount.read_only = item.value("read_only", false);
    mount.propagation = item.value("propagation", "");
    mount.tmpfs_size = item.value("tmpfs_size", uint64_t{0});
    out.push_back(std::move(mount));
  }
  return out;
}

Json ulimits_json(const std::vector<container::Ulimit>& ulimits) {
  Json out = Json::array();
  for (const auto& limit : ulimits)
    out.push_back({{"name", limit.name}, {"soft", limit.soft}, {"hard", limit.hard}});
  return out;
}

std::vector<container::Ulimit> ulimits_of(const Json& json) {
  std::vector<container::Ulimit> out;
  for (const auto& item : json)
    out.push_back(
        {item.value("name", ""), item.value("soft", int64_t{0}), item.value("hard", int64_t{0})});
  return out;
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PortMapping, container_port, host_port, protocol,
                                                name, app_protocol)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Dependency, container, condition)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AwsLogs, group, region, stream_prefix, create_group)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(NetworkInterface, id, mac, ip, subnet_id,
                                                subnet_cidr, vpc_cidr, private_dns_name,
                                                attachment_id, security_groups)

static void to_json(Json& json, const ContainerSpec& spec) {
  json = Json{{"name", spec.name},
              {"image", spec.image},
              {"container_arn", spec.container_arn},
              {"entry_point", spec.entry_point},
              {"command", spec.command},
              {"environment", spec.environment},
              {"ports", spec.ports},
              {"depends_on", spec.depends_on},
              {"health_check", health_json(spec.health_check)},
              {"logs", spec.logs},
              {"labels", spec.labels},
              {"mounts", mounts_json(spec.mounts)},
              {"ulimits", ulimits_json(spec.ulimits)},
              {"user", spec.user},
              {"working_dir", spec.working_dir},
              {"essential", spec.essential},
              {"read_only_root", spec.read_only_root},
              {"init", spec.init},
              {"tty", spec.tty},
              {"interactive", spec.interactive},
              {"cpu", spec.cpu},
              {"memory_mib", spec.memory_mib},
              {"memory_reservation_mib", spec.memory_reservation_mib},
              {"stop_timeout_s", spec.stop_timeout_s},
              {"start_timeout_s", spec.start_timeout_s}};
}

static void from_json(const Json& json, ContainerSpec& spec) {
  auto get = [&](const char* name, auto& into) {
    if (const auto found = json.find(name); found != json.end()) found->get_to(into);
  };
  get("name", spec.name);
  get("image", spec.image);
  get("container_arn", spec.container_arn);
  get("entry_point", spec.entry_point);
  get("command", spec.command);
  get("environment", spec.environment);
  get("ports", spec.ports);
  get("depends_on", spec.depends_on);
  spec.health_check = health_of(json.value("health_check", Json()));
  get("logs", spec.logs);
  get("labels", spec.labels);
  spec.mounts = mounts_of(json.value("mounts", Json::array()));
  spec.ulimits = ulimits_of(json.value("ulimits", Json::array()));
  get("user", spec.user);
  get("working_dir", spec.working_dir);
  get("essential", spec.essential);
  get("read_only_root", spec.read_only_root);
  get("init", spec.init);
  get("tty", spec.tty);
  get("interactive", spec.interactive);
  get("cpu", spec.cpu);
  get("memory_mib", spec.memory_mib);
  get("memory_reservation_mib", spec.memory_reservation_mib);
  get("stop_timeout_s", spec.stop_timeout_s);
  get("start_timeout_s", spec.start_timeout_s);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TaskSpec, arn, id, cluster, family, service,
                                                launch_type, availability_zone, revision,
                                                network_mode, network, containers, tags,
                                                task_role_arn, execution_role_arn, cpu, memory_mib,
                                                region, account)

static void to_json(Json& json, const ContainerStatus& status) {
  json = Json{{"name", status.name},
              {"container_arn", status.container_arn},
              {"runtime_id", status.runtime_id},
              {"image", status.image},
              {"image_digest", status.image_digest},
              {"last_status", status.last_status},
              {"exit_code", status.exit_code},
              {"reason", status.reason},
              {"health", status.health},
              {"started_at", time_json(status.started_at)},
              {"finished_at", time_json(status.finished_at)},
              {"bindings", status.bindings}};
}

static void from_json(const Json& json, ContainerStatus& status) {
  status.name = json.value("name", "");
  status.container_arn = json.value("container_arn", "");
  status.runtime_id = json.value("runtime_id", "");
  status.image = json.value("image", "");
  status.image_digest = json.value("image_digest", "");
  status.last_status = json.value("last_status", "PENDING");
  status.exit_code = json.value("exit_code", std::optional<int>());
  status.reason = json.value("reason", "");
  status.health = json.value("health", "UNKNOWN");
  status.started_at = time_of(json, "started_at");
  status.finished_at = time_of(json, "finished_at");
  status.bindings = json.value("bindings", std::vector<PortMapping>());
}

static void to_json(Json& json, const TaskStatus& status) {
  json = Json{{"arn", status.arn},
              {"last_status", status.last_status},
              {"stop_code", status.stop_code},
              {"stopped_reason", status.stopped_reason},
              {"health", status.health},
              {"pull_started_at", time_json(status.pull_started_at)},
              {"pull_stopped_at", time_json(status.pull_stopped_at)},
              {"started_at", time_json(status.started_at)},
              {"execution_stopped_at", time_json(status.execution_stopped_at)},
              {"stopping_at", time_json(status.stopping_at)},
              {"stopped_at", time_json(status.stopped_at)}};
}

static void from_json(const Json& json, TaskStatus& status) {
  status.arn = json.value("arn", "");
  status.last_status = json.value("last_status", "PROVISIONING");
  status.stop_code = json.value("stop_code", "");
  status.stopped_reason = json.value("stopped_reason", "");
  status.health = json.value("health", "UNKNOWN");
  status.pull_started_at = time_of(json, "pull_started_at");
  status.pull_stopped_at = time_of(json, "pull_stopped_at");
  status.started_at = time_of(json, "started_at");
  status.execution_stopped_at = time_of(json, "execution_stopped_at");
  status.stopping_at = time_of(json, "stopping_at");
  status.stopped_at = time_of(json, "stopped_at");
}

static void to_json(Json& json, const ContainerRecord& record) {
  json = Json{{"status", record.status},
              {"docker_name", record.docker_name},
              {"token", record.token},
              {"engine_id", record.engine_id},
              {"image_id", record.image_id},
              {"log_stream", record.log_stream},
              {"failed", record.failed},
              {"signalled_at", time_json(record.signalled_at)},
              {"killed_at", time_json(record.killed_at)}};
}

static void from_json(const Json& json, ContainerRecord& record) {
  from_json(json.at("status"), record.status);
  record.docker_name = json.value("docker_name", "");
  record.token = json.value("token", "");
  record.engine_id = json.value("engine_id", "");
  record.image_id = json.value("image_id", "");
  record.log_stream = json.value("log_stream", "");
  record.failed = json.value("failed", false);
  record.signalled_at = time_of(json, "signalled_at");
  record.killed_at = time_of(json, "killed_at");
}

void to_json(Json& json, const TaskRecord& record) {
  json = Json{{"spec", record.spec},
              {"status", record.status},
              {"containers", record.containers},
              {"credentials_id", record.credentials_id},
              {"want_running", record.want_running},
              {"hurry", record.hurry},
              {"forget", record.forget},
              {"ended_at", time_json(record.ended_at)}};
}

void from_json(const Json& json, TaskRecord& record) {
  json.at("spec").get_to(record.spec);
  from_json(json.at("status"), record.status);
  json.at("containers").get_to(record.containers);
  record.credentials_id = json.value("credentials_id", "");
  record.want_running = json.value("want_running", true);
  record.hurry = json.value("hurry", false);
  record.forget = json.value("forget", false);
  record.ended_at = time_of(json, "ended_at");
}

}  // namespace slipway::agent
