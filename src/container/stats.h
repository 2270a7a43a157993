// What a running container uses, at one moment: for `docker stats` and ECS's task statistics.
#pragma once
#include <map>
#include <string>

#include "base/clock.h"
#include "linux/cgroups.h"

namespace slipway::container {

struct InterfaceCounters {
  uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

struct Stats {
  TimePoint time;
  bool running = false;  // otherwise everything else is zero
  linux::CgroupUsage usage;
  linux::CgroupDetails details;
  bool cgroup_v2 = false;
  uint64_t system_cpu_ns = 0;  // of the whole machine, all processors
  int online_cpus = 0;
  uint64_t machine_memory_bytes = 0;
  std::map<std::string, InterfaceCounters> networks;  // by interface; none on the host's network
};

// "Inter-| Receive ..." of /proc/PID/net/dev without the loopback. Malformed lines are skipped.
std::map<std::string, InterfaceCounters> parse_net_dev(std::string_view text);
// The first line of /proc/stat, in nanoseconds: user to steal, as Docker counts.
uint64_t parse_system_cpu(std::string_view text);

}  // namespace slipway::container
