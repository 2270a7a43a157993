// The JSON form of container records. Member names are on disk: never rename one.
#include "container/record.h"

#include "codec/json.h"

namespace slipway::container {
namespace {

std::optional<int64_t> micros(const std::optional<TimePoint>& time) {
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

std::optional<TimePoint> time_of(const std::optional<int64_t>& micros) {
  if (!micros) return std::nullopt;
  return TimePoint(microseconds(*micros));
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PortBinding, container_port, protocol, host_ip,
                                                host_port, host_port_end)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(EndpointSpec, network, network_id, aliases, links,
                                                ipv4, ipv6, mac, link_local, gateway_priority,
                                                driver_opts)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Endpoint, id, network, network_id, ip, gateway, mac,
                                                interface, prefix, ip6, gateway6, prefix6)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Mount, type, source, target, read_only, propagation,
                                                tmpfs_size, tmpfs_options, no_copy, recursive,
                                                read_only_recursive, create_source, subpath, labels,
                                                options)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Ulimit, name, soft, hard)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ResolvedMount, type, name, source, target,
                                                propagation, read_only, anonymous, options, no_copy,
                                                recursive, read_only_recursive, subpath)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Device, source, target, access)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DeviceLimit, path, value)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    HostOptions, pid_mode, ipc_mode, uts_mode, cgroupns_mode, userns_mode, group_add, devices,
    device_rules, security, no_new_privileges, seccomp, apparmor, masked_paths, readonly_paths,
    volumes_from, cpuset_cpus, cpuset_mems, cpu_realtime_period_us, cpu_realtime_runtime_us,
    blkio_weight, blkio_weights, read_bps, write_bps, read_iops, write_iops, oom_kill_disable,
    oom_score_adj, memory_swappiness, dns_options, runtime, annotations, log_options)
}  // namespace slipway::container

namespace slipway::image {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(HealthCheck, test, interval_ns, timeout_ns,
                                                start_period_ns, retries, start_interval_ns)
}  // namespace slipway::image

namespace slipway::container {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    Spec, name, image, image_id, entrypoint, cmd, entrypoint_set, env, user, working_dir, hostname,
    domainname, stop_signal, stop_timeout, tty, open_stdin, stdin_once, attach_stdin, attach_stdout,
    attach_stderr, labels, mounts, tmpfs, ports, exposed_ports, publish_all, auto_remove,
    read_only_root, init, privileged, restart_policy, restart_max, health_check, network_mode,
    networks, links, dns, dns_search, extra_hosts, resolv_conf, hosts_file, cap_add, cap_drop,
    ulimits, memory_bytes, memory_reservation_bytes, memory_swap_bytes, nano_cpus, cpu_shares,
    cpu_quota_us, cpu_period_us, pids_limit, cgroup_parent, shm_size_bytes, sysctls, log_driver,
    owner, lower_dirs, upper_dir, host)

const char* to_string(Status status) {
  switch (status) {
    case Status::created:
      return "created";
    case Status::running:
      return "running";
    case Status::paused:
      return "paused";
    case Status::restarting:
      return "restarting";
    case Status::exited:
      return "exited";
    case Status::dead:
      return "dead";
    case Status::removing:
      return "removing";
  }
  return "unknown";
}

std::optional<Status> parse_status(std::string_view text) {
  for (auto status : {Status::created, Status::running, Status::paused, Status::restarting,
                      Status::exited, Status::dead, Status::removing}) {
    if (text == to_string(status)) return status;
  }
  return std::nullopt;
}

static void state_to_json(Json& json, const State& state) {
  json = Json{{"status", to_string(state.status)},
              {"pid", state.pid},
              {"exit_code", state.exit_code},
              {"oom_killed", state.oom_killed},
              {"error", state.error},
              {"started_at", micros(state.started_at)},
              {"finished_at", micros(state.finished_at)},
              {"health", state.health},
              {"health_failing_streak", state.health_failing_streak},
              {"restart_count", state.restart_count}};
}

static State state_from_json(const Json& json) {
  State state;
  state.status = parse_status(json.value("status", "created")).value_or(Status::created);
  state.pid = json.value("pid", 0);
  state.exit_code = json.value("exit_code", 0);
  state.oom_killed = json.value("oom_killed", false);
  state.error = json.value("error", "");
  state.started_at = time_of(json.value("started_at", std::optional<int64_t>()));
  state.finished_at = time_of(json.value("finished_at", std::optional<int64_t>()));
  state.health = json.value("health", "");
  state.health_failing_streak = json.value("health_failing_streak", 0);
  state.restart_count = json.value("restart_count", 0);
  return state;
}

void to_json(Json& json, const Record& record) {
  const Info& info = record.info;
  Json state;
  state_to_json(state, info.state);
  json = Json{{"id", info.id},
              {"spec", info.spec},
              {"state", std::move(state)},
              {"created", info.created.time_since_epoch().count()},
              {"path", info.path},
              {"args", info.args},
              {"ip", info.ip},
              {"gateway", info.gateway},
              {"mac", info.mac},
              {"ip_prefix", info.ip_prefix},
              {"endpoints", info.endpoints},
              {"ports", info.ports},
              {"log_path", info.log_path},
              {"mounts", record.mounts},
              {"stop_signal", record.stop_signal},
              {"manually_stopped", record.manually_stopped},
              {"restart_attempts", record.restart_attempts},
              {"start_number", record.start_number}};
}

void from_json(const Json& json, Record& record) {
  Info& info = record.info;
  info.id = json.at("id").get<std::string>();
  info.spec = json.at("spec").get<Spec>();
  info.state = state_from_json(json.at("state"));
  // A record of before networks had names of their own.
  const bool bridged = info.spec.network_mode.empty() || info.spec.network_mode == "bridge" ||
                       info.spec.network_mode == "default";
  if (!json.at("spec").contains("networks") && bridged)
    info.spec.networks.push_back({.network = "bridge"});
  info.created = TimePoint(microseconds(json.value("created", int64_t{0})));
  info.path = json.value("path", "");
  info.args = json.value("args", std::vector<std::string>());
  info.ip = json.value("ip", "");
  info.gateway = json.value("gateway", "");
  info.mac = json.value("mac", "");
  info.ip_prefix = json.value("ip_prefix", 0);
  info.endpoints = json.value("endpoints", std::vector<Endpoint>());
  info.ports = json.value("ports", std::vector<PortBinding>());
  info.log_path = json.value("log_path", "");
  record.mounts = json.value("mounts", std::vector<ResolvedMount>());
  record.stop_signal = json.value("stop_signal", "");
  record.manually_stopped = json.value("manually_stopped", false);
  record.restart_attempts = json.value("restart_attempts", 0);
  record.start_number = json.value("start_number", uint64_t{0});
}

}  // namespace slipway::container
