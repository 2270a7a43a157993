// HostConfig's less common members: namespaces, devices, security, finer limits, logs.
#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "docker/create_parts.h"
#include "docker/fields.h"

namespace slipway::docker {
namespace {

using container::HostOptions;

std::vector<Json> objects_in(const Json& host, const char* name) {
  const auto& list = member(host, name);
  if (!list.is_null() && !list.is_array()) throw invalid_argument("{} must be a list", name);
  std::vector<Json> out;
  for (const auto& item : list) {
    if (!item.is_object()) throw invalid_argument("{} must be a list of objects", name);
    out.push_back(item);
  }
  return out;
}

void read_devices(const Json& host, HostOptions& out) {
  for (const auto& item : objects_in(host, "Devices")) {
    container::Device device{text_field(item, "PathOnHost"), text_field(item, "PathInContainer"),
                             text_field(item, "CgroupPermissions")};
    if (device.access.empty()) device.access = "rwm";
    if (!device.source.starts_with('/'))
      throw invalid_argument("invalid device path: \"{}\"", device.source);
    out.devices.push_back(std::move(device));
  }
  out.device_rules = list_field(host, "DeviceCgroupRules");
  for (const auto& item : objects_in(host, "DeviceRequests")) {
    throw invalid_argument("could not select device driver \"{}\" with capabilities: {}",
                           text_field(item, "Driver"), member(item, "Capabilities").dump());
  }
}

std::vector<container::DeviceLimit> device_limits(const Json& host, const char* name,
                                                  const char* value) {
  std::vector<container::DeviceLimit> out;
  for (const auto& item : objects_in(host, name))
    out.push_back({text_field(item, "Path"), size_field(item, value)});
  return out;
}

void read_block_io(const Json& host, HostOptions& out) {
  out.blkio_weight =
      static_cast<uint16_t>(std::min<uint64_t>(size_field(host, "BlkioWeight"), 65535));
  out.blkio_weights = device_limits(host, "BlkioWeightDevice", "Weight");
  out.read_bps = device_limits(host, "BlkioDeviceReadBps", "Rate");
  out.write_bps = device_limits(host, "BlkioDeviceWriteBps", "Rate");
  out.read_iops = device_limits(host, "BlkioDeviceReadIOps", "Rate");
  out.write_iops = device_limits(host, "BlkioDeviceWriteIOps", "Rate");
}

// A confinement that is not there on this machine may be switched off; one to be switched on would
// be a false promise.
void read_apparmor(const std::string& profile, HostOptions& out) {
  if (profile == "unconfined" || profile.empty()) return;
  if (!std::filesystem::exists("/sys/kernel/security/apparmor/profiles"))
    throw invalid_argument("AppArmor is not enabled on this machine: apparmor={} is not possible",
                           profile);
  out.apparmor = profile;
}

void read_label(const std::string& label) {
  if (label == "disable") return;
  if (!std::filesystem::exists("/sys/fs/selinux/enforce")) return;  // labels mean nothing here
  throw unimplemented("SELinux labels (label={}) are not implemented", label);
}

// "name=value", "name:value" (of old) or a name alone.
void read_security_option(const std::string& option, HostOptions& out) {
  const size_t at = option.find_first_of("=:");
  const auto name = option.substr(0, at);
  const auto value = at == std::string::npos ? std::string() : option.substr(at + 1);
  if (name == "no-new-privileges") {
    if (value != "" && value != "true" && value != "false")
      throw invalid_argument("invalid --security-opt: \"{}\"", option);
    out.no_new_privileges = value != "false";
  } else if (at == std::string::npos) {
    throw invalid_argument("invalid --security-opt 1: \"{}\"", option);
  } else if (name == "seccomp") {
    out.seccomp = value == "builtin" ? "" : value;
  } else if (name == "apparmor") {
    read_apparmor(value, out);
  } else if (name == "label") {
    read_label(value);
  } else if (name == "systempaths" && value == "unconfined") {
    out.masked_paths.emplace();
    out.readonly_paths.emplace();
  } else {
    throw invalid_argument("invalid --security-opt 2: \"{}\"", option);
  }
}

void read_security(const Json& host, HostOptions& out) {
  out.security = list_field(host, "SecurityOpt");
  for (const auto& option : out.security) read_security_option(option, out);
  // null: the usual ones; []: none.
  if (member(host, "MaskedPaths").is_array()) out.masked_paths = list_field(host, "MaskedPaths");
  if (member(host, "ReadonlyPaths").is_array())
    out.readonly_paths = list_field(host, "ReadonlyPaths");
}

void read_finer_limits(const Json& host, HostOptions& out) {
  out.cpuset_cpus = text_field(host, "CpusetCpus");
  out.cpuset_mems = text_field(host, "CpusetMems");
  out.cpu_realtime_period_us = number_field(host, "CpuRealtimePeriod");
  out.cpu_realtime_runtime_us = number_field(host, "CpuRealtimeRuntime");
  out.oom_kill_disable = flag_field(host, "OomKillDisable");
  out.oom_score_adj =
      static_cast<int>(std::clamp<int64_t>(number_field(host, "OomScoreAdj"), -100'000, 100'000));
  const auto& swappiness = member(host, "MemorySwappiness");
  if (!swappiness.is_null() && swappiness != -1) {
    out.memory_swappiness = static_cast<int>(
        std::clamp<int64_t>(number_field(host, "MemorySwappiness"), -100'000, 100'000));
  }
}

}  // namespace

void read_host_options(const Json& host, container::Spec& spec) {
  auto& out = spec.host;
  out.pid_mode = text_field(host, "PidMode");
  out.ipc_mode = text_field(host, "IpcMode");
  out.uts_mode = text_field(host, "UTSMode");
  out.cgroupns_mode = text_field(host, "CgroupnsMode");
  out.userns_mode = text_field(host, "UsernsMode");
  out.group_add = list_field(host, "GroupAdd");
  out.volumes_from = list_field(host, "VolumesFrom");
  out.dns_options = list_field(host, "DnsOptions");
  out.annotations = map_field(host, "Annotations");
  out.runtime = text_field(host, "Runtime");
  out.log_options = map_field(object_field(host, "LogConfig"), "Config");
  read_devices(host, out);
  read_block_io(host, out);
  read_security(host, out);
  read_finer_limits(host, out);
}

}  // namespace slipway::docker
