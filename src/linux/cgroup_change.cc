// Cgroups: new limits for a group whose processes run.
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "linux/cgroups.h"
#include "linux/cgroups_impl.h"

namespace slipway::linux {
namespace {

namespace files = cgroup_files;

std::string number_or(int64_t value, const char* unlimited) {
  return value <= 0 ? unlimited : std::to_string(value);
}

// Memory plus swap may never be below memory, at no moment: the one that grows goes first.
void change_memory_v1(const std::string& dir, const CgroupChanges& changes) {
  constexpr const char* kMemory = "memory.limit_in_bytes";
  constexpr const char* kBoth = "memory.memsw.limit_in_bytes";
  const bool swap = changes.memory_swap_bytes != 0 && slipway::exists(dir + "/" + kBoth);
  if (changes.memory_bytes != 0) {
    if (swap) files::write_setting(dir, kBoth, "-1");
    try {
      files::write_setting(dir, kMemory, std::to_string(changes.memory_bytes));
    } catch (const SystemError& e) {
      if (swap || (e.error_number() != EBUSY && e.error_number() != EINVAL)) throw;
      throw invalid_argument(
          "Memory limit should be smaller than already set memoryswap limit, update the memoryswap "
          "at the same time");
    }
  }
  if (swap) files::write_setting(dir, kBoth, number_or(changes.memory_swap_bytes, "-1"));
  if (changes.memory_reservation_bytes != 0)
    files::write_setting(dir, "memory.soft_limit_in_bytes",
                         std::to_string(changes.memory_reservation_bytes));
}

void change_memory_v2(const std::string& dir, const CgroupChanges& changes) {
  if (changes.memory_bytes != 0)
    files::write_setting(dir, "memory.max", std::to_string(changes.memory_bytes));
  const auto memory = static_cast<int64_t>(changes.memory_bytes);
  if (changes.memory_swap_bytes < 0) {
    files::write_setting_if_there(dir, "memory.swap.max", "max");
  } else if (changes.memory_swap_bytes >= memory && changes.memory_swap_bytes != 0) {
    files::write_setting_if_there(dir, "memory.swap.max",
                                  std::to_string(changes.memory_swap_bytes - memory));
  }
  if (changes.memory_reservation_bytes != 0)
    files::write_setting(dir, "memory.low", std::to_string(changes.memory_reservation_bytes));
}

void change_cpu_v1(const std::string& dir, const CgroupChanges& changes) {
  if (changes.cpu_shares != 0)
    files::write_setting(dir, "cpu.shares", std::to_string(changes.cpu_shares));
  if (changes.cpu_period_us != 0)
    files::write_setting(dir, "cpu.cfs_period_us", std::to_string(changes.cpu_period_us));
  if (changes.cpu_quota_us != 0)
    files::write_setting(dir, "cpu.cfs_quota_us", std::to_string(changes.cpu_quota_us));
}

void change_cpu_v2(const std::string& dir, const CgroupChanges& changes) {
  if (changes.cpu_shares != 0)
    files::write_setting(dir, "cpu.weight",
                         std::to_string(files::weight_of_shares(changes.cpu_shares)));
  if (changes.cpu_quota_us == 0 && changes.cpu_period_us == 0) return;
  const auto now = split(trim(files::read_quietly(dir + "/cpu.max")), ' ');
  const std::string quota = changes.cpu_quota_us != 0 ? number_or(changes.cpu_quota_us, "max")
                            : now.empty()             ? "max"
                                                      : now[0];
  const std::string period = changes.cpu_period_us != 0 ? std::to_string(changes.cpu_period_us)
                             : now.size() > 1           ? now[1]
                                                        : "100000";
  files::write_setting(dir, "cpu.max", quota + " " + period);
}

// One above the other: a group may hold no processor that its parents lack.
void change_cpuset(const std::string& dir, const CgroupChanges& changes) {
  if (!changes.cpuset_cpus.empty()) files::write_setting(dir, "cpuset.cpus", changes.cpuset_cpus);
  if (!changes.cpuset_mems.empty()) files::write_setting(dir, "cpuset.mems", changes.cpuset_mems);
}

void change_io(const std::string& dir, uint64_t weight, bool v2) {
  // BFQ keeps version 1's numbers on version 2 too; the kernel's other scheduler of weights has its
  // own.
  for (const char* file : {"io.bfq.weight", "blkio.weight", "blkio.bfq.weight"}) {
    if (slipway::exists(dir + "/" + file))
      return files::write_setting(dir, file, std::to_string(weight));
  }
  if (v2)
    files::write_setting(dir, "io.weight",
                         fmt::format("default {}", files::io_weight_of_blkio(weight)));
}

}  // namespace

void Cgroups::change(const std::string& path, const CgroupChanges& changes) const {
  const bool v2 = layout_ == CgroupLayout::v2;
  const auto folder = [&](const char* controller) {
    const std::string dir = directory(path, controller);
    if (!has(controller) || dir.empty() || !slipway::exists(dir))
      throw invalid_argument("this machine has no {} controller for the container", controller);
    return dir;
  };
  if (changes.memory_bytes != 0 || changes.memory_swap_bytes != 0 ||
      changes.memory_reservation_bytes != 0)
    v2 ? change_memory_v2(folder("memory"), changes) : change_memory_v1(folder("memory"), changes);
  if (changes.cpu_shares != 0 || changes.cpu_quota_us != 0 || changes.cpu_period_us != 0)
    v2 ? change_cpu_v2(folder("cpu"), changes) : change_cpu_v1(folder("cpu"), changes);
  if (!changes.cpuset_cpus.empty() || !changes.cpuset_mems.empty())
    change_cpuset(folder("cpuset"), changes);
  if (changes.pids)
    files::write_setting(folder("pids"), "pids.max", number_or(*changes.pids, "max"));
  if (changes.blkio_weight != 0) change_io(folder(v2 ? "io" : "blkio"), changes.blkio_weight, v2);
}

}  // namespace slipway::linux
