#include "docker/create_spec.h"

#include "base/error.h"
#include "base/strings.h"
#include "docker/create_parts.h"
#include "docker/fields.h"

namespace slipway::docker {
namespace {

using container::PortBinding;
using container::Spec;

uint16_t parse_port(const std::string& text, const std::string& whole) {
  const auto number = parse_uint(text);
  if (!number || *number > 65535)
    throw invalid_argument("invalid port specification: \"{}\"", whole);
  return static_cast<uint16_t>(*number);
}

void read_limits(const Json& host, Spec& spec) {
  spec.memory_bytes = size_field(host, "Memory");
  spec.memory_reservation_bytes = size_field(host, "MemoryReservation");
  spec.memory_swap_bytes = number_field(host, "MemorySwap");
  spec.nano_cpus = number_field(host, "NanoCpus");
  spec.cpu_shares = number_field(host, "CpuShares");
  spec.cpu_quota_us = number_field(host, "CpuQuota");
  spec.cpu_period_us = number_field(host, "CpuPeriod");
  spec.pids_limit = number_field(host, "PidsLimit");
  spec.shm_size_bytes = size_field(host, "ShmSize");
  spec.cgroup_parent = text_field(host, "CgroupParent");
  const auto& limits = member(host, "Ulimits");
  if (!limits.is_null() && !limits.is_array()) throw invalid_argument("Ulimits must be a list");
  for (const auto& limit : limits) {
    if (!limit.is_object()) throw invalid_argument("Ulimits must be a list of objects");
    spec.ulimits.push_back(
        {text_field(limit, "Name"), number_field(limit, "Soft"), number_field(limit, "Hard")});
  }
}

void read_policies(const Json& host, Spec& spec) {
  read_restart_policy(object_field(host, "RestartPolicy"), spec.restart_policy, spec.restart_max);
  spec.auto_remove = flag_field(host, "AutoRemove");
  if (spec.auto_remove && !spec.restart_policy.empty() && spec.restart_policy != "no") {
    throw invalid_argument("can't create 'AutoRemove' container with restart policy");
  }
  const auto& log = object_field(host, "LogConfig");
  const auto driver = text_field(log, "Type");
  if (!driver.empty() && driver != "json-file" && driver != "local" && driver != "none") {
    throw invalid_argument(
        "logger: no log driver named '{}' is registered (json-file, local and none are)", driver);
  }
  if (!driver.empty()) spec.log_driver = driver;
}

void read_process(const Json& body, Spec& spec) {
  spec.image = text_field(body, "Image");
  spec.entrypoint_set =
      member(body, "Entrypoint").is_string() || member(body, "Entrypoint").is_array();
  spec.entrypoint = list_field(body, "Entrypoint");
  if (spec.entrypoint.empty()) spec.entrypoint_set = false;  // null and [] keep the image's
  if (spec.entrypoint.size() == 1 && spec.entrypoint[0].empty()) spec.entrypoint.clear();
  spec.cmd = list_field(body, "Cmd");
  spec.env = list_field(body, "Env");
  spec.user = text_field(body, "User");
  spec.working_dir = text_field(body, "WorkingDir");
  spec.hostname = text_field(body, "Hostname");
  spec.domainname = text_field(body, "Domainname");
  spec.stop_signal = text_field(body, "StopSignal");
  if (!member(body, "StopTimeout").is_null()) {
    spec.stop_timeout =
        static_cast<int>(std::clamp<int64_t>(number_field(body, "StopTimeout"), -1, 86'400));
  }
  spec.tty = flag_field(body, "Tty");
  spec.open_stdin = flag_field(body, "OpenStdin");
  spec.stdin_once = flag_field(body, "StdinOnce");
  spec.attach_stdin = flag_field(body, "AttachStdin");
  spec.attach_stdout = flag_field(body, "AttachStdout");
  spec.attach_stderr = flag_field(body, "AttachStderr");
  spec.labels = map_field(body, "Labels");
  spec.health_check = parse_health_check(member(body, "Healthcheck"));
  for (const auto& [port, unused] : object_field(body, "ExposedPorts").items()) {
    const auto parsed = parse_port_key(port);
    spec.exposed_ports.push_back(fmt::format("{}/{}", parsed.container_port, parsed.protocol));
  }
}

}  // namespace

void read_restart_policy(const Json& policy, std::string& name, int& max) {
  name = text_field(policy, "Name");
  const auto count = number_field(policy, "MaximumRetryCount");
  static const std::set<std::string> known = {"", "no", "always", "on-failure", "unless-stopped"};
  if (!known.contains(name)) {
    throw invalid_argument("invalid restart policy: unknown policy '{}'", name);
  }
  if (count < 0) {
    throw invalid_argument("invalid restart policy: maximum retry count cannot be negative");
  }
  if (count > 0 && name != "on-failure") {
    throw invalid_argument(
        "invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  max = static_cast<int>(std::min<int64_t>(count, 1'000'000));
}

PortBinding parse_port_key(const std::string& key) {
  const auto [number, protocol] = split_once(key, '/');
  PortBinding out;
  out.container_port = parse_port(number, key);
  out.protocol = protocol.empty() ? "tcp" : to_lower(protocol);
  const bool known = out.protocol == "tcp" || out.protocol == "udp" || out.protocol == "sctp";
  if (out.container_port == 0 || !known) {
    throw invalid_argument("invalid port specification: \"{}\"", key);
  }
  return out;
}

std::optional<image::HealthCheck> parse_health_check(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_object()) throw invalid_argument("Healthcheck must be an object");
  image::HealthCheck out;
  out.test = list_field(value, "Test");
  out.interval_ns = number_field(value, "Interval");
  out.timeout_ns = number_field(value, "Timeout");
  out.start_period_ns = number_field(value, "StartPeriod");
  out.start_interval_ns = number_field(value, "StartInterval");
  out.retries = static_cast<int>(std::clamp<int64_t>(number_field(value, "Retries"), -1, 100'000));
  for (const auto& [name, time] :
       {std::pair("Interval", out.interval_ns), std::pair("Timeout", out.timeout_ns),
        std::pair("StartPeriod", out.start_period_ns),
        std::pair("StartInterval", out.start_interval_ns)}) {
    if (time != 0 && time < 1'000'000) {
      throw invalid_argument("{} in Healthcheck cannot be less than 1ms", name);
    }
  }
  if (out.retries < 0) throw invalid_argument("Retries in Healthcheck cannot be negative");
  if (out.test.empty() && out.interval_ns == 0 && out.timeout_ns == 0 && out.retries == 0) {
    return std::nullopt;
  }
  return out;
}

CreateRequest translate_create(const Json& body) {
  CreateRequest out;
  const auto& host = object_field(body, "HostConfig");
  refuse_unsupported(host);
  read_process(body, out.spec);
  read_ports(host, out.spec);
  read_mounts(body, host, out);
  read_limits(host, out.spec);
  read_host_options(host, out.spec);
  read_policies(host, out.spec);
  read_network(body, host, out.spec);
  out.spec.cap_add = list_field(host, "CapAdd");
  out.spec.cap_drop = list_field(host, "CapDrop");
  out.spec.privileged = flag_field(host, "Privileged");
  out.spec.read_only_root = flag_field(host, "ReadonlyRootfs");
  out.spec.init = flag_field(host, "Init");
  out.spec.sysctls = map_field(host, "Sysctls");
  if (out.spec.network_mode == "host" && !out.spec.ports.empty()) {
    out.warnings.push_back("Published ports are discarded when using host network mode");
    out.spec.ports.clear();
  }
  return out;
}

}  // namespace slipway::docker
