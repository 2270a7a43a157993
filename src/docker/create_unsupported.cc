// What `docker run` can ask for and the engine does not have.
#include "base/error.h"
#include "docker/create_parts.h"
#include "docker/fields.h"

namespace slipway::docker {
namespace {

struct Option {
  const char* name;
  std::vector<Json> harmless;  // values that mean "as usual"
};

const std::vector<Option>& unsupported_options() {
  static const std::vector<Option> kOptions = {{"VolumesFrom", {}},
                                               {"Links", {}},
                                               {"GroupAdd", {}},
                                               {"Devices", {}},
                                               {"DeviceRequests", {}},
                                               {"DeviceCgroupRules", {}},
                                               {"SecurityOpt", {}},
                                               {"PidMode", {"private"}},
                                               {"IpcMode", {"private", "shareable"}},
                                               {"UTSMode", {"private"}},
                                               {"UsernsMode", {}},
                                               {"CgroupnsMode", {"private"}},
                                               {"Cgroup", {}},
                                               {"DnsOptions", {}},
                                               {"CpusetCpus", {}},
                                               {"CpusetMems", {}},
                                               {"CpuCount", {}},
                                               {"CpuPercent", {}},
                                               {"CpuRealtimePeriod", {}},
                                               {"CpuRealtimeRuntime", {}},
                                               {"BlkioWeight", {}},
                                               {"BlkioWeightDevice", {}},
                                               {"BlkioDeviceReadBps", {}},
                                               {"BlkioDeviceWriteBps", {}},
                                               {"BlkioDeviceReadIOps", {}},
                                               {"BlkioDeviceWriteIOps", {}},
                                               {"OomKillDisable", {}},
                                               {"OomScoreAdj", {}},
                                               {"StorageOpt", {}},
                                               {"MemorySwappiness", {-1}},
                                               {"KernelMemory", {}},
                                               {"KernelMemoryTCP", {}},
                                               {"VolumeDriver", {"local"}},
                                               {"Runtime", {"crun", "runc"}},
                                               {"Isolation", {"default"}},
                                               {"Annotations", {}}};
  return kOptions;
}

}  // namespace

void refuse_unsupported(const Json& host) {
  for (const auto& [name, harmless] : unsupported_options()) {
    const auto& value = member(host, name);
    if (is_default(value)) continue;
    if (std::find(harmless.begin(), harmless.end(), value) != harmless.end()) continue;
    throw unimplemented("HostConfig.{} is not implemented by Slipway", name);
  }
}

}  // namespace slipway::docker
