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

void read_ports(const Json& host, Spec& spec) {
  for (const auto& [key, bindings] : object_field(host, "PortBindings").items()) {
    const auto port = parse_port_key(key);
    if (bindings.is_null()) continue;
    if (!bindings.is_array()) throw invalid_argument("PortBindings: {} must be a list", key);
    if (bindings.empty()) spec.ports.push_back(port);
    for (const auto& binding : bindings) {
      if (!binding.is_object()) throw invalid_argument("PortBindings: {} holds no object", key);
      auto bound = port;
      bound.host_ip = text_field(binding, "HostIp");
      const auto host_port = text_field(binding, "HostPort");
      if (host_port.find('-') != std::string::npos) {
        throw unimplemented("a range of host ports ({}) is not implemented", host_port);
      }
      if (!host_port.empty()) bound.host_port = parse_port(host_port, host_port);
      spec.ports.push_back(std::move(bound));
    }
  }
  spec.publish_all = flag_field(host, "PublishAllPorts");
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
  if (spec.memory_bytes > 0 && spec.memory_bytes < (6u << 20)) {
    throw invalid_argument("Minimum memory limit allowed is 6MB");
  }
  if (spec.nano_cpus < 0 || (spec.nano_cpus > 0 && spec.cpu_quota_us > 0)) {
    throw invalid_argument("Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
  }
  const auto& limits = member(host, "Ulimits");
  if (!limits.is_null() && !limits.is_array()) throw invalid_argument("Ulimits must be a list");
  for (const auto& limit : limits) {
    if (!limit.is_object()) throw invalid_argument("Ulimits must be a list of objects");
    spec.ulimits.push_back(
        {text_field(limit, "Name"), number_field(limit, "Soft"), number_field(limit, "Hard")});
  }
}

void read_policies(const Json& host, Spec& spec) {
  const auto& restart = object_field(host, "RestartPolicy");
  spec.restart_policy = text_field(restart, "Name");
  spec.restart_max = static_cast<int>(
      std::clamp<int64_t>(number_field(restart, "MaximumRetryCount"), 0, 1'000'000));
  static const std::set<std::string> known = {"", "no", "always", "on-failure", "unless-stopped"};
  if (!known.contains(spec.restart_policy)) {
    throw invalid_argument("invalid restart policy: unknown policy '{}'", spec.restart_policy);
  }
  spec.auto_remove = flag_field(host, "AutoRemove");
  if (spec.auto_remove && !spec.restart_policy.empty() && spec.restart_policy != "no") {
    throw invalid_argument("can't create 'AutoRemove' container with restart policy");
  }
  const auto& log = object_field(host, "LogConfig");
  const auto driver = text_field(log, "Type");
  if (!driver.empty() && driver != "json-file" && driver != "none") {
    throw invalid_argument("unknown log driver \"{}\": json-file and none are available", driver);
  }
  if (!driver.empty()) spec.log_driver = driver;
  if (!is_default(member(log, "Config"))) {
    throw unimplemented("options of the log driver are not implemented");
  }
}

// The CLI names the network twice; a second one, or settings of the endpoint, are not supported.
void read_network(const Json& body, const Json& host, Spec& spec) {
  spec.network_mode = text_field(host, "NetworkMode");
  if (spec.network_mode == "default") spec.network_mode.clear();
  const auto& mode = spec.network_mode;
  const bool known = mode.empty() || mode == "bridge" || mode == "host" || mode == "none" ||
                     mode.starts_with("container:");
  if (!known) throw not_found("network {} not found", mode);
  const auto& endpoints = object_field(object_field(body, "NetworkingConfig"), "EndpointsConfig");
  if (endpoints.size() > 1) throw unimplemented("several networks are not implemented");
  for (const auto& [name, endpoint] : endpoints.items()) {
    for (const auto* option : {"IPAMConfig", "Links", "MacAddress", "DriverOpts"}) {
      if (endpoint.is_object() && !is_default(member(endpoint, option))) {
        throw unimplemented("{} of network {} is not implemented", option, name);
      }
    }
  }
  if (!text_field(body, "MacAddress").empty()) throw unimplemented("MacAddress is not implemented");
  if (flag_field(body, "NetworkDisabled")) spec.network_mode = "none";
  spec.dns = list_field(host, "Dns");
  spec.dns_search = list_field(host, "DnsSearch");
  spec.extra_hosts = list_field(host, "ExtraHosts");
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

PortBinding parse_port_key(const std::string& key) {
  const auto [number, protocol] = split_once(key, '/');
  PortBinding out;
  out.container_port = parse_port(number, key);
  out.protocol = protocol.empty() ? "tcp" : to_lower(protocol);
  if (out.container_port == 0 || (out.protocol != "tcp" && out.protocol != "udp")) {
    throw invalid_argument("invalid port specification: \"{}\"", key);
  }
  return out;
}

std::optional<image::HealthCheck> parse_health_check(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_object()) throw invalid_argument("Healthcheck must be an object");
  if (!is_default(member(value, "StartInterval"))) {
    throw unimplemented("Healthcheck.StartInterval is not implemented");
  }
  image::HealthCheck out;
  out.test = list_field(value, "Test");
  out.interval_ns = number_field(value, "Interval");
  out.timeout_ns = number_field(value, "Timeout");
  out.start_period_ns = number_field(value, "StartPeriod");
  out.retries = static_cast<int>(std::clamp<int64_t>(number_field(value, "Retries"), -1, 100'000));
  for (const auto& [name, time] :
       {std::pair("Interval", out.interval_ns), std::pair("Timeout", out.timeout_ns),
        std::pair("StartPeriod", out.start_period_ns)}) {
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
