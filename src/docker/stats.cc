// GET /containers/{id}/stats: what a container uses, once or every second.
#include "container/stats.h"

#include "base/error.h"
#include "docker/container_json.h"
#include "docker/handlers.h"
#include "docker/stats_json.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

Json io_json(const std::vector<linux::CgroupDetails::Io>& list) {
  Json out = Json::array();
  for (const auto& io : list) {
    out.push_back(
        {{"major", io.major}, {"minor", io.minor}, {"op", io.operation}, {"value", io.value}});
  }
  return out;
}

Json cpu_json(const container::Stats& stats) {
  const auto& details = stats.details;
  Json usage = {{"total_usage", stats.usage.cpu_ns},
                {"usage_in_kernelmode", stats.usage.cpu_system_ns},
                {"usage_in_usermode", stats.usage.cpu_user_ns}};
  if (!details.cpu_each_ns.empty()) usage["percpu_usage"] = details.cpu_each_ns;
  return {{"cpu_usage", usage},
          {"system_cpu_usage", stats.system_cpu_ns},
          {"online_cpus", stats.online_cpus},
          {"throttling_data",
           {{"periods", details.periods},
            {"throttled_periods", details.throttled_periods},
            {"throttled_time", details.throttled_ns}}}};
}

Json no_cpu_json() {
  return {{"cpu_usage", {{"total_usage", 0}, {"usage_in_kernelmode", 0}, {"usage_in_usermode", 0}}},
          {"throttling_data", {{"periods", 0}, {"throttled_periods", 0}, {"throttled_time", 0}}}};
}

Json memory_json(const container::Stats& stats) {
  const auto& usage = stats.usage;
  const auto limit = usage.memory_limit_bytes;
  const bool limited = limit != 0 && limit < stats.machine_memory_bytes;
  Json out = {{"usage", usage.memory_bytes},
              {"stats", stats.details.memory_stat},
              {"limit", limited ? limit : stats.machine_memory_bytes}};
  if (!stats.cgroup_v2) {
    out["max_usage"] = usage.memory_peak_bytes;
    out["failcnt"] = stats.details.memory_failures;
  }
  return out;
}

Json networks_json(const container::Stats& stats) {
  Json out = Json::object();
  for (const auto& [name, n] : stats.networks) {
    out[name] = {{"rx_bytes", n.rx_bytes},   {"rx_packets", n.rx_packets},
                 {"rx_errors", n.rx_errors}, {"rx_dropped", n.rx_dropped},
                 {"tx_bytes", n.tx_bytes},   {"tx_packets", n.tx_packets},
                 {"tx_errors", n.tx_errors}, {"tx_dropped", n.tx_dropped}};
  }
  return out;
}

}  // namespace

Json stats_json(const container::Info& info, const container::Stats& now,
                const container::Stats* before) {
  Json out = {
      {"id", info.id},
      {"name", "/" + info.spec.name},
      {"os_type", "linux"},
      {"read", now.running ? time_text(now.time) : time_text({})},
      {"preread", before != nullptr && before->running ? time_text(before->time) : time_text({})},
      {"num_procs", 0},
      {"storage_stats", Json::object()},
      {"precpu_stats", before != nullptr && before->running ? cpu_json(*before) : no_cpu_json()}};
  if (!now.running) {
    out.update({{"cpu_stats", no_cpu_json()},
                {"memory_stats", Json::object()},
                {"pids_stats", Json::object()},
                {"blkio_stats", Json::object()}});
    return out;
  }
  Json pids = {{"current", now.usage.pids}};
  pids["limit"] = now.details.pids_limit == 0 ? UINT64_MAX : now.details.pids_limit;
  out.update({{"cpu_stats", cpu_json(now)},
              {"memory_stats", memory_json(now)},
              {"pids_stats", pids},
              {"blkio_stats",
               {{"io_service_bytes_recursive", io_json(now.details.io_bytes)},
                {"io_serviced_recursive", io_json(now.details.io_operations)},
                {"io_queue_recursive", nullptr},
                {"io_service_time_recursive", nullptr},
                {"io_wait_time_recursive", nullptr},
                {"io_merged_recursive", nullptr},
                {"io_time_recursive", nullptr},
                {"sectors_recursive", nullptr}}}});
  if (!now.networks.empty()) out["networks"] = networks_json(now);
  return out;
}

void container_stats(Call& call) {
  auto info = docker_container(call.deps, call.var("id"));
  const auto& engine = call.deps.engine;
  const auto& stop = call.exchange.stop();
  const bool stream = call.flag("stream", true);
  auto before = engine.stats(info.id);
  if (!stream) {
    // Two samples make a rate; one-shot clients make their own.
    if (call.flag("one-shot") || !before.running)
      return call.json(200, stats_json(info, before, nullptr));
    if (stop.wait_for(seconds(1))) return;
    return call.json(200, stats_json(info, engine.stats(info.id), &before));
  }
  JsonLines out(call);
  out.write(stats_json(info, before, nullptr));
  while (!stop.wait_for(seconds(1))) {
    const auto found = engine.find(info.id);
    if (!found) break;  // removed
    info = *found;
    auto now = engine.stats(info.id);
    out.write(stats_json(info, now, &before));
    before = std::move(now);
  }
  out.finish();
}

}  // namespace slipway::docker
