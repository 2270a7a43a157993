// Cgroups: where the hierarchies are, making groups and setting their limits.
#include "linux/cgroups.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "linux/cgroups_impl.h"
#include "linux/mounts.h"

namespace slipway::linux {

using cgroup_files::write_setting;
using cgroup_files::write_setting_if_there;

namespace {

// The controllers in which create() makes groups; others are only looked at and cleaned.
constexpr const char* made_controllers[] = {"memory", "cpu", "cpuacct", "pids"};
constexpr std::string_view known_controllers[] = {
    "cpu",     "cpuacct",  "cpuset",     "memory",  "devices", "freezer", "blkio",
    "net_cls", "net_prio", "perf_event", "hugetlb", "pids",    "rdma",    "misc"};

bool is_controller(std::string_view option) {
  return option.starts_with("name=") ||
         std::find(std::begin(known_controllers), std::end(known_controllers), option) !=
             std::end(known_controllers);
}

void limit_memory_v1(const std::string& dir, const CgroupLimits& limits) {
  if (limits.memory_bytes == 0) return;
  // Memory plus swap may never be below memory: lifted first, set last.
  write_setting_if_there(dir, "memory.memsw.limit_in_bytes", "-1");
  write_setting(dir, "memory.limit_in_bytes", std::to_string(limits.memory_bytes));
  if (limits.memory_swap_bytes != 0)
    write_setting_if_there(dir, "memory.memsw.limit_in_bytes",
                           std::to_string(limits.memory_swap_bytes));
}

void limit_memory_v2(const std::string& dir, const CgroupLimits& limits) {
  if (limits.memory_bytes == 0) return;
  write_setting(dir, "memory.max", std::to_string(limits.memory_bytes));
  const auto memory = static_cast<int64_t>(limits.memory_bytes);
  if (limits.memory_swap_bytes < 0) {
    write_setting_if_there(dir, "memory.swap.max", "max");
  } else if (limits.memory_swap_bytes >= memory) {
    write_setting_if_there(dir, "memory.swap.max",
                           std::to_string(limits.memory_swap_bytes - memory));
  }
}

void limit_cpu_v1(const std::string& dir, const CgroupLimits& limits) {
  if (limits.cpu_shares != 0) write_setting(dir, "cpu.shares", std::to_string(limits.cpu_shares));
  if (limits.cpu_quota_us == 0) return;
  write_setting_if_there(dir, "cpu.cfs_period_us", std::to_string(limits.cpu_period_us));
  write_setting_if_there(dir, "cpu.cfs_quota_us", std::to_string(limits.cpu_quota_us));
}

void limit_cpu_v2(const std::string& dir, const CgroupLimits& limits) {
  if (limits.cpu_shares != 0) {
    write_setting(dir, "cpu.weight",
                  std::to_string(cgroup_files::weight_of_shares(limits.cpu_shares)));
  }
  if (limits.cpu_quota_us != 0)
    write_setting_if_there(dir, "cpu.max",
                           fmt::format("{} {}", limits.cpu_quota_us, limits.cpu_period_us));
}

// Success means that it happened: a limit that cannot be set here is said once for each group.
void warn_of_missing(const std::string& dir, const CgroupLimits& limits) {
  const auto warn = [&](bool wanted, const char* file, const char* controller) {
    if (wanted && !slipway::exists(dir + "/" + file))
      log::warning("linux", "{} has no {} controller: its limit is not in force", dir, controller);
  };
  warn(limits.memory_bytes != 0, "memory.max", "memory");
  warn(limits.cpu_quota_us != 0, "cpu.max", "cpu");
  warn(limits.pids > 0, "pids.max", "pids");
}

}  // namespace

namespace cgroup_files {

std::string checked(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  for (const auto& part : split(path, '/')) {
    if (part.empty() || part == "." || part == "..")
      throw invalid_argument("not the path of a control group: '{}'", path);
  }
  return std::string(path);
}

uint64_t weight_of_shares(uint64_t shares) {
  return 1 + (std::clamp<uint64_t>(shares, 2, 262'144) - 2) * 9999 / 262'142;
}

uint64_t io_weight_of_blkio(uint64_t weight) {
  return 1 + (std::clamp<uint64_t>(weight, 10, 1000) - 10) * 9999 / 990;
}

void write_setting(const std::string& dir, const char* file, const std::string& value) {
  const Fd fd = open_file(dir + "/" + file, O_WRONLY);
  check(::write(fd.get(), value.data(), value.size()), "write {} to {}/{}", value, dir, file);
}

void write_setting_if_there(const std::string& dir, const char* file, const std::string& value) {
  if (exists(dir + "/" + file)) write_setting(dir, file, value);
}

}  // namespace cgroup_files

const char* to_string(CgroupLayout layout) {
  switch (layout) {
    case CgroupLayout::none:
      return "none";
    case CgroupLayout::v1:
      return "v1";
    case CgroupLayout::hybrid:
      return "hybrid";
    case CgroupLayout::v2:
      return "v2";
  }
  return "unknown";
}

Cgroups Cgroups::detect() {
  return detect(read_file("/proc/thread-self/mountinfo"));
}

Cgroups Cgroups::detect(const std::string& mountinfo_text) {
  Cgroups made;
  for (const auto& entry : parse_mountinfo(mountinfo_text)) {
    // A mount of a part of the hierarchy (a container's view, an outer namespace) is no root.
    if (entry.root != "/") continue;
    // Mounted several times, the usual place is the one that the runtimes use.
    if (entry.type == "cgroup2" && made.v2_ != "/sys/fs/cgroup") made.v2_ = entry.target;
    if (entry.type != "cgroup") continue;
    for (const auto& option : split(entry.super_options, ',')) {
      if (is_controller(option)) made.v1_[option] = entry.target;
    }
  }
  if (made.v1_.empty()) {
    made.layout_ = made.v2_.empty() ? CgroupLayout::none : CgroupLayout::v2;
  } else {
    made.layout_ = made.v2_.empty() ? CgroupLayout::v1 : CgroupLayout::hybrid;
  }
  return made;
}

bool Cgroups::has(const std::string& controller) const {
  if (layout_ != CgroupLayout::v2) return v1_.contains(controller);
  const auto text = read_file_if_exists(v2_ + "/cgroup.controllers");
  if (!text) return false;
  const auto names = split(trim(*text), ' ');
  return std::find(names.begin(), names.end(), controller) != names.end();
}

std::string Cgroups::directory(const std::string& path, const std::string& controller) const {
  const auto name = cgroup_files::checked(path);
  const auto found = v1_.find(controller);
  if (found != v1_.end()) return found->second + "/" + name;
  if (!v2_.empty()) return v2_ + "/" + name;
  return v1_.empty() ? std::string() : v1_.begin()->second + "/" + name;
}

std::vector<std::string> Cgroups::directories(const std::string& path) const {
  const auto name = cgroup_files::checked(path);
  std::set<std::string> mounts;
  for (const auto& [controller, mount] : v1_) mounts.insert(mount);
  if (!v2_.empty()) mounts.insert(v2_);
  std::vector<std::string> found;
  for (const auto& mount : mounts) {
    if (auto dir = mount + "/" + name; slipway::exists(dir)) found.push_back(std::move(dir));
  }
  return found;
}

void Cgroups::create(const std::string& path, const CgroupLimits& limits) const {
  const auto name = cgroup_files::checked(path);
  const std::string pids = std::to_string(limits.pids);
  if (layout_ == CgroupLayout::v2) {
    cgroup_files::pass_controllers_on(v2_, name);
    const auto dir = v2_ + "/" + name;
    warn_of_missing(dir, limits);
    if (slipway::exists(dir + "/memory.max")) limit_memory_v2(dir, limits);
    if (slipway::exists(dir + "/cpu.weight")) limit_cpu_v2(dir, limits);
    if (limits.pids > 0) write_setting_if_there(dir, "pids.max", pids);
    return;
  }
  for (const char* controller : made_controllers) {
    const auto found = v1_.find(controller);
    if (found != v1_.end()) make_directories(found->second + "/" + name);
  }
  if (v1_.contains("memory")) limit_memory_v1(directory(name, "memory"), limits);
  if (v1_.contains("cpu")) limit_cpu_v1(directory(name, "cpu"), limits);
  if (limits.pids > 0 && v1_.contains("pids"))
    write_setting(directory(name, "pids"), "pids.max", pids);
}

bool Cgroups::exists(const std::string& path) const {
  return !directories(path).empty();
}

}  // namespace slipway::linux
