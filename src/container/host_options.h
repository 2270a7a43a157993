// The less common things a container can ask of the machine: Docker's HostConfig beyond ports,
// mounts and plain limits. Values are as the user gave them; "" and 0 mean the default.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace slipway::container {

struct Device {
  std::string source, target;
  std::string access = "rwm";
};

struct DeviceLimit {  // bytes or operations in a second, or a weight
  std::string path;
  uint64_t value = 0;
};

struct HostOptions {
  // Namespaces: "" (its own), host, container:<id>; ipc also private, shareable, none.
  std::string pid_mode, ipc_mode, uts_mode, cgroupns_mode, userns_mode;
  std::vector<std::string> group_add;
  std::vector<Device> devices;
  std::vector<std::string> device_rules;  // "c 1:3 rwm"
  std::vector<std::string> security;      // --security-opt, checked
  bool no_new_privileges = false;
  std::string seccomp;  // "" the default profile, unconfined, or a profile's JSON
  std::string apparmor;
  std::optional<std::vector<std::string>> masked_paths, readonly_paths;  // nullopt: the default
  std::vector<std::string> volumes_from;                                 // "container[:ro]"
  std::string cpuset_cpus, cpuset_mems;
  int64_t cpu_realtime_period_us = 0, cpu_realtime_runtime_us = 0;
  uint16_t blkio_weight = 0;  // 10..1000
  std::vector<DeviceLimit> blkio_weights, read_bps, write_bps, read_iops, write_iops;
  bool oom_kill_disable = false;
  int oom_score_adj = 0;
  std::optional<int> memory_swappiness;  // 0..100
  std::vector<std::string> dns_options;
  std::string runtime;  // crun or runc; "" whichever works
  std::map<std::string, std::string> annotations;
  std::map<std::string, std::string> log_options;  // max-size, max-file, ...
};

}  // namespace slipway::container
