#include "daemon/options.h"

#include "base/files.h"
#include "codec/json.h"
#include "linux/process.h"

namespace slipway::daemon {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Options, data_dir, run_dir, listen, port, account,
                                                region, log_file, debug, registry_mirrors,
                                                insecure_registries)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Instance, pid, start_time, version, started_at,
                                                endpoint, options)

bool Instance::alive() const {
  return pid > 0 && linux::process_alive(pid, start_time);
}

void write_instance(const Options& options, const Instance& instance) {
  write_file(options.instance_file(), Json(instance).dump(2) + "\n", 0644);
}

std::optional<Instance> read_instance(const std::string& run_dir) {
  const auto text = read_file_if_exists(run_dir + "/instance.json");
  if (!text) return std::nullopt;
  return parse_json(*text, run_dir + "/instance.json").get<Instance>();
}

}  // namespace slipway::daemon
