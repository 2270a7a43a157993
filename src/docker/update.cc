// POST /containers/{id}/update: new limits and another restart policy.
#include "base/error.h"
#include "docker/container_json.h"
#include "docker/create_parts.h"
#include "docker/fields.h"
#include "docker/handlers.h"

namespace slipway::docker {

void update_container(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto body = call.body();
  for (const auto* name :
       {"Devices", "DeviceCgroupRules", "DeviceRequests", "Ulimits", "CgroupParent",
        "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps",
        "BlkioDeviceWriteIOps", "CpuRealtimePeriod", "CpuRealtimeRuntime"}) {
    if (!is_default(member(body, name)))
      throw unimplemented("{} of a container cannot be updated", name);
  }
  container::Changes changes;
  changes.memory_bytes = size_field(body, "Memory");
  changes.memory_reservation_bytes = size_field(body, "MemoryReservation");
  changes.memory_swap_bytes = number_field(body, "MemorySwap");
  changes.nano_cpus = number_field(body, "NanoCpus");
  changes.cpu_shares = number_field(body, "CpuShares");
  changes.cpu_quota_us = number_field(body, "CpuQuota");
  changes.cpu_period_us = number_field(body, "CpuPeriod");
  changes.cpuset_cpus = text_field(body, "CpusetCpus");
  changes.cpuset_mems = text_field(body, "CpusetMems");
  changes.blkio_weight =
      static_cast<uint16_t>(std::min<uint64_t>(size_field(body, "BlkioWeight"), 65535));
  // The CLI sends 0 when nothing was said; others leave it out.
  if (const auto pids = number_field(body, "PidsLimit"); pids != 0) changes.pids_limit = pids;
  read_restart_policy(object_field(body, "RestartPolicy"), changes.restart_policy,
                      changes.restart_max);
  const auto warnings = call.deps.engine.update(info.id, changes);
  call.json(200, {{"Warnings", warnings.empty() ? Json() : Json(warnings)}});
}

}  // namespace slipway::docker
