// HostConfig, mounts and volumes as the API shows them.
#include "base/strings.h"
#include "container/record.h"
#include "container/volumes.h"
#include "docker/container_json.h"
#include "docker/times.h"
#include "linux/cgroups.h"

namespace slipway::docker {
namespace {

Json null_if_empty(const Json& value) {
  return value.empty() ? Json() : value;
}

Json binds_json(const container::Spec& spec) {
  Json out = Json::array();
  for (const auto& mount : spec.mounts) {
    if (mount.type == "tmpfs" || mount.source.empty()) continue;
    out.push_back(mount.source + ":" + mount.target + (mount.read_only ? ":ro" : ""));
  }
  return null_if_empty(out);
}

std::string host_port_text(const container::PortBinding& port) {
  if (port.host_port == 0) return {};
  if (port.host_port_end == 0) return std::to_string(port.host_port);
  return fmt::format("{}-{}", port.host_port, port.host_port_end);
}

Json port_bindings(const container::Spec& spec) {
  Json out = Json::object();
  for (const auto& port : spec.ports) {
    out[fmt::format("{}/{}", port.container_port, port.protocol)].push_back(
        {{"HostIp", port.host_ip}, {"HostPort", host_port_text(port)}});
  }
  return out;
}

Json tmpfs_json(const container::Spec& spec) {
  Json out = Json::object();
  for (const auto& entry : spec.tmpfs) {
    const auto [path, options] = split_once(entry, ':');
    out[path] = options;
  }
  return out;
}

Json limits_json(const std::vector<container::DeviceLimit>& limits, const char* value) {
  Json out = Json::array();
  for (const auto& limit : limits) out.push_back({{"Path", limit.path}, {value, limit.value}});
  return null_if_empty(out);
}

Json devices_json(const std::vector<container::Device>& devices) {
  Json out = Json::array();
  for (const auto& device : devices) {
    out.push_back({{"PathOnHost", device.source},
                   {"PathInContainer", device.target.empty() ? device.source : device.target},
                   {"CgroupPermissions", device.access}});
  }
  return null_if_empty(out);
}

Json resources_json(const container::Spec& spec) {
  Json ulimits = Json::array();
  for (const auto& limit : spec.ulimits) {
    ulimits.push_back({{"Name", limit.name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  }
  return {{"Memory", spec.memory_bytes},
          {"MemoryReservation", spec.memory_reservation_bytes},
          {"MemorySwap", spec.memory_swap_bytes},
          {"MemorySwappiness", spec.host.memory_swappiness},
          {"NanoCpus", spec.nano_cpus},
          {"CpuShares", spec.cpu_shares},
          {"CpuQuota", spec.cpu_quota_us},
          {"CpuPeriod", spec.cpu_period_us},
          {"CpuRealtimePeriod", spec.host.cpu_realtime_period_us},
          {"CpuRealtimeRuntime", spec.host.cpu_realtime_runtime_us},
          {"CpusetCpus", spec.host.cpuset_cpus},
          {"CpusetMems", spec.host.cpuset_mems},
          {"PidsLimit", spec.pids_limit == 0 ? Json() : Json(spec.pids_limit)},
          {"OomKillDisable", spec.host.oom_kill_disable ? Json(true) : Json()},
          {"CgroupParent", spec.cgroup_parent},
          {"Ulimits", null_if_empty(ulimits)},
          {"BlkioWeight", spec.host.blkio_weight},
          {"BlkioWeightDevice", limits_json(spec.host.blkio_weights, "Weight")},
          {"BlkioDeviceReadBps", limits_json(spec.host.read_bps, "Rate")},
          {"BlkioDeviceWriteBps", limits_json(spec.host.write_bps, "Rate")},
          {"BlkioDeviceReadIOps", limits_json(spec.host.read_iops, "Rate")},
          {"BlkioDeviceWriteIOps", limits_json(spec.host.write_iops, "Rate")},
          {"Devices", devices_json(spec.host.devices)},
          {"DeviceCgroupRules", null_if_empty(spec.host.device_rules)},
          {"DeviceRequests", nullptr}};
}

std::string or_private(const std::string& mode) {
  return mode.empty() ? "private" : mode;
}

std::string cgroupns_mode(const container::Spec& spec) {
  if (!spec.host.cgroupns_mode.empty()) return spec.host.cgroupns_mode;
  const bool v2 = linux::Cgroups::detect().layout() == linux::CgroupLayout::v2;
  return v2 ? "private" : "host";
}

Json name_service_json(const container::Spec& spec) {
  return {{"Dns", null_if_empty(spec.dns)},
          {"DnsOptions", null_if_empty(spec.host.dns_options)},
          {"DnsSearch", null_if_empty(spec.dns_search)},
          {"ExtraHosts", null_if_empty(spec.extra_hosts)}};
}

// What is shown only when it was said.
void add_given(Json& out, const container::HostOptions& host) {
  if (!host.annotations.empty()) out["Annotations"] = host.annotations;
  if (host.masked_paths) out["MaskedPaths"] = *host.masked_paths;
  if (host.readonly_paths) out["ReadonlyPaths"] = *host.readonly_paths;
}

}  // namespace

Json host_config_json(const container::Spec& spec) {
  Json out = resources_json(spec);
  out.update(name_service_json(spec));
  out.update({{"Binds", binds_json(spec)},
              {"ContainerIDFile", ""},
              {"LogConfig", {{"Type", spec.log_driver}, {"Config", spec.host.log_options}}},
              {"NetworkMode", spec.network_mode.empty() ? "bridge" : spec.network_mode},
              {"PortBindings", port_bindings(spec)},
              {"RestartPolicy",
               {{"Name", spec.restart_policy.empty() ? "no" : spec.restart_policy},
                {"MaximumRetryCount", spec.restart_max}}},
              {"AutoRemove", spec.auto_remove},
              {"VolumeDriver", ""},
              {"VolumesFrom", null_if_empty(spec.host.volumes_from)},
              {"ConsoleSize", {0, 0}},
              {"CapAdd", null_if_empty(spec.cap_add)},
              {"CapDrop", null_if_empty(spec.cap_drop)},
              {"CgroupnsMode", cgroupns_mode(spec)},
              {"GroupAdd", null_if_empty(spec.host.group_add)},
              {"IpcMode", or_private(spec.host.ipc_mode)},
              {"Cgroup", ""},
              {"Links", null_if_empty(spec.links)},
              {"OomScoreAdj", spec.host.oom_score_adj},
              {"PidMode", spec.host.pid_mode},
              {"Privileged", spec.privileged},
              {"PublishAllPorts", spec.publish_all},
              {"ReadonlyRootfs", spec.read_only_root},
              {"SecurityOpt", null_if_empty(spec.host.security)},
              {"UTSMode", spec.host.uts_mode},
              {"UsernsMode", spec.host.userns_mode},
              {"ShmSize", spec.shm_size_bytes == 0 ? 64u << 20 : spec.shm_size_bytes},
              {"Runtime", spec.host.runtime.empty() ? "crun" : spec.host.runtime},
              {"Isolation", ""},
              {"Init", spec.init},
              {"Tmpfs", tmpfs_json(spec)},
              {"Sysctls", spec.sysctls}});
  add_given(out, spec.host);
  return out;
}

Json mounts_json(const container::Info& info, const Deps& deps) {
  Json out = Json::array();
  deps.store.read([&](const store::Reader& db) {
    const auto record = container::records.get(db, info.id);
    if (!record) return;
    for (const auto& mount : record->mounts) {
      if (mount.type == "tmpfs") continue;
      Json item = {{"Type", mount.type},
                   {"Source", mount.source},
                   {"Destination", mount.target},
                   {"Mode", mount.read_only ? "ro" : ""},
                   {"RW", !mount.read_only},
                   {"Propagation", mount.type == "volume"      ? ""
                                   : mount.propagation.empty() ? "rprivate"
                                                               : mount.propagation}};
      if (mount.type == "volume") {
        item["Name"] = mount.name;
        item["Driver"] = "local";
      }
      out.push_back(std::move(item));
    }
  });
  return out;
}

}  // namespace slipway::docker
