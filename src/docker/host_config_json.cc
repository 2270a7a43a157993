// HostConfig, mounts and volumes as the API shows them.
#include "base/strings.h"
#include "container/record.h"
#include "container/volumes.h"
#include "docker/container_json.h"
#include "docker/times.h"

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

Json port_bindings(const container::Spec& spec) {
  Json out = Json::object();
  for (const auto& port : spec.ports) {
    out[fmt::format("{}/{}", port.container_port, port.protocol)].push_back(
        {{"HostIp", port.host_ip},
         {"HostPort", port.host_port == 0 ? "" : std::to_string(port.host_port)}});
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

Json resources_json(const container::Spec& spec) {
  Json ulimits = Json::array();
  for (const auto& limit : spec.ulimits) {
    ulimits.push_back({{"Name", limit.name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  }
  return {{"Memory", spec.memory_bytes},
          {"MemoryReservation", spec.memory_reservation_bytes},
          {"MemorySwap", spec.memory_swap_bytes},
          {"MemorySwappiness", nullptr},
          {"NanoCpus", spec.nano_cpus},
          {"CpuShares", spec.cpu_shares},
          {"CpuQuota", spec.cpu_quota_us},
          {"CpuPeriod", spec.cpu_period_us},
          {"CpusetCpus", ""},
          {"CpusetMems", ""},
          {"PidsLimit", spec.pids_limit == 0 ? Json() : Json(spec.pids_limit)},
          {"OomKillDisable", nullptr},
          {"CgroupParent", spec.cgroup_parent},
          {"Ulimits", null_if_empty(ulimits)},
          {"BlkioWeight", 0},
          {"Devices", nullptr},
          {"DeviceRequests", nullptr}};
}

Json name_service_json(const container::Spec& spec) {
  return {{"Dns", null_if_empty(spec.dns)},
          {"DnsOptions", nullptr},
          {"DnsSearch", null_if_empty(spec.dns_search)},
          {"ExtraHosts", null_if_empty(spec.extra_hosts)}};
}

}  // namespace

Json host_config_json(const container::Spec& spec) {
  Json out = resources_json(spec);
  out.update(name_service_json(spec));
  out.update({{"Binds", binds_json(spec)},
              {"ContainerIDFile", ""},
              {"LogConfig", {{"Type", spec.log_driver}, {"Config", Json::object()}}},
              {"NetworkMode", spec.network_mode.empty() ? "bridge" : spec.network_mode},
              {"PortBindings", port_bindings(spec)},
              {"RestartPolicy",
               {{"Name", spec.restart_policy.empty() ? "no" : spec.restart_policy},
                {"MaximumRetryCount", spec.restart_max}}},
              {"AutoRemove", spec.auto_remove},
              {"VolumeDriver", ""},
              {"VolumesFrom", nullptr},
              {"ConsoleSize", {0, 0}},
              {"CapAdd", null_if_empty(spec.cap_add)},
              {"CapDrop", null_if_empty(spec.cap_drop)},
              {"CgroupnsMode", "private"},
              {"GroupAdd", nullptr},
              {"IpcMode", "private"},
              {"Cgroup", ""},
              {"Links", nullptr},
              {"OomScoreAdj", 0},
              {"PidMode", ""},
              {"Privileged", spec.privileged},
              {"PublishAllPorts", spec.publish_all},
              {"ReadonlyRootfs", spec.read_only_root},
              {"SecurityOpt", nullptr},
              {"UTSMode", ""},
              {"UsernsMode", ""},
              {"ShmSize", spec.shm_size_bytes == 0 ? 64u << 20 : spec.shm_size_bytes},
              {"Runtime", "crun"},
              {"Isolation", ""},
              {"Init", spec.init},
              {"Tmpfs", tmpfs_json(spec)},
              {"Sysctls", spec.sysctls}});
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
