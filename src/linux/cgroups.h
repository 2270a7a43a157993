// Control groups, version 1, 2 or both side by side (hybrid: controllers on version 1). A group is
// named by its path below the hierarchy's root ("slipway/task-1"); on version 1 it stands under
// every controller that we use. Not for the groups inside containers: the runtime makes those.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace slipway::linux {

enum class CgroupLayout { none, v1, hybrid, v2 };
const char* to_string(CgroupLayout layout);

struct CgroupLimits {  // 0: no limit
  uint64_t memory_bytes = 0;
  int64_t memory_swap_bytes = 0;  // memory + swap as Docker counts; -1 unlimited
  int64_t cpu_quota_us = 0, cpu_period_us = 100'000;
  uint64_t cpu_shares = 0;  // 2..262144 as on version 1; converted to a weight for version 2
  int64_t pids = 0;
};

struct CgroupUsage {
  uint64_t memory_bytes = 0, memory_peak_bytes = 0, memory_limit_bytes = 0 /* 0: none */;
  uint64_t memory_cache_bytes = 0;  // inactive file pages: docker stats subtracts them
  uint64_t cpu_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0;
  uint64_t pids = 0;
  uint64_t oom_kills = 0;
};

// The rest of what `docker stats` shows.
struct CgroupDetails {
  struct Io {
    uint64_t major = 0, minor = 0;
    std::string operation;  // read, write
    uint64_t value = 0;
  };
  std::map<std::string, uint64_t> memory_stat;
  std::vector<uint64_t> cpu_each_ns;  // by processor; version 1 only
  uint64_t periods = 0, throttled_periods = 0, throttled_ns = 0;
  uint64_t pids_limit = 0;  // 0: none
  uint64_t memory_failures = 0;
  std::vector<Io> io_bytes, io_operations;
};

// Limits to be set on a group that is there; 0, "" and nullopt leave what there is.
struct CgroupChanges {
  uint64_t memory_bytes = 0, memory_reservation_bytes = 0;
  int64_t memory_swap_bytes = 0;  // memory + swap; -1 unlimited
  int64_t cpu_quota_us = 0, cpu_period_us = 0;
  uint64_t cpu_shares = 0;
  std::optional<int64_t> pids;  // 0 or -1: unlimited
  std::string cpuset_cpus, cpuset_mems;
  uint64_t blkio_weight = 0;
};

class Cgroups {
 public:
  // Looks at what is mounted (mountinfo).
  static Cgroups detect();
  static Cgroups detect(const std::string& mountinfo_text);

  CgroupLayout layout() const { return layout_; }
  // Which of memory, cpu, pids can be limited here.
  bool has(const std::string& controller) const;
  // Makes the group (and its parents; on version 2 with controllers switched on for children) and
  // sets limits. A controller that is missing is skipped: limits are best effort, but a refused
  // value throws. Exists: limits are set anew.
  void create(const std::string& path, const CgroupLimits& limits = {}) const;
  // Version 2 only, nothing elsewhere: readies the group that all others will stand in. Inside a
  // container the hierarchy's top holds processes, which keeps it from passing controllers on: they
  // are moved one down, into "slipway-init". give_back_top() undoes that where nobody else needs
  // it.
  void open_top(const std::string& path) const;
  void give_back_top() const;
  bool exists(const std::string& path) const;
  CgroupUsage usage(const std::string& path) const;  // absent values are 0
  CgroupDetails details(const std::string& path) const;
  uint64_t oom_kills(const std::string& path) const;
  // Throws SystemError naming the file when the kernel refuses a value, Error(invalid_argument)
  // when there is no such controller here. All or nothing only as far as the kernel lets us.
  void change(const std::string& path, const CgroupChanges& changes) const;
  // Whether groups have this setting here ("memory.swappiness"; version 2: "memory.swap.max").
  bool has_setting(const std::string& controller, const std::string& file) const;
  // Processes in the group and below.
  std::vector<int> processes(const std::string& path) const;
  void add_process(const std::string& path, int pid) const;
  // SIGKILLs everything below until nothing is left or the deadline passes; true when empty.
  bool kill_all(const std::string& path, SteadyTime deadline) const;
  // Removes the group and all below, retrying while the kernel still says busy; absent is fine.
  // False when processes kept it.
  bool remove(const std::string& path, milliseconds patience = milliseconds(2000)) const;
  // The folder of a group for a controller ("memory"; "" : version 2's or any).
  std::string directory(const std::string& path, const std::string& controller = {}) const;

 private:
  std::vector<std::string> directories(const std::string& path) const;
  CgroupLayout layout_ = CgroupLayout::none;
  std::map<std::string, std::string> v1_;  // controller -> mount point
  std::string v2_;                         // mount point
};

}  // namespace slipway::linux
