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
  static const std::vector<Option> kOptions = {{"Cgroup", {}},
                                               {"CpuCount", {}},
                                               {"CpuPercent", {}},
                                               {"IOMaximumIOps", {}},
                                               {"IOMaximumBandwidth", {}},
                                               {"VolumeDriver", {"local"}},
                                               {"Isolation", {"default"}}};
  return kOptions;
}

}  // namespace

void refuse_unsupported(const Json& host) {
  if (!is_default(member(host, "StorageOpt"))) {
    throw invalid_argument(
        "--storage-opt is supported only for overlay over xfs with 'pquota' mount option, which "
        "Slipway does not use");
  }
  for (const auto& [name, harmless] : unsupported_options()) {
    const auto& value = member(host, name);
    if (is_default(value)) continue;
    if (std::find(harmless.begin(), harmless.end(), value) != harmless.end()) continue;
    throw unimplemented("HostConfig.{} is not implemented by Slipway", name);
  }
}

}  // namespace slipway::docker
