// Cgroups: what a group uses, who is in it, ending and removing it.
#include <csignal>
#include <dirent.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/stop.h"
#include "base/strings.h"
#include "linux/cgroups.h"
#include "linux/cgroups_impl.h"
#include "linux/process.h"

namespace slipway::linux {

namespace cgroup_files {

std::string read_quietly(const std::string& path) {
  try {
    return read_file_if_exists(path).value_or("");
  } catch (const Error&) {
    return {};
  }
}

uint64_t number_in(const std::string& path) {
  return parse_uint(trim(read_quietly(path))).value_or(0);
}

uint64_t field_in(const std::string& text, std::string_view key) {
  for (const auto& line : split(text, '\n')) {
    const auto [name, value] = split_once(line, ' ');
    if (name == key) return parse_uint(trim(value)).value_or(0);
  }
  return 0;
}

}  // namespace cgroup_files

using cgroup_files::field_in;
using cgroup_files::number_in;
using cgroup_files::read_quietly;

namespace {

CgroupUsage usage_v2(const std::string& dir) {
  CgroupUsage usage;
  usage.memory_bytes = number_in(dir + "/memory.current");
  usage.memory_peak_bytes = number_in(dir + "/memory.peak");
  usage.memory_limit_bytes = number_in(dir + "/memory.max");
  usage.memory_cache_bytes = field_in(read_quietly(dir + "/memory.stat"), "inactive_file");
  const auto cpu = read_quietly(dir + "/cpu.stat");
  usage.cpu_ns = field_in(cpu, "usage_usec") * 1000;
  usage.cpu_user_ns = field_in(cpu, "user_usec") * 1000;
  usage.cpu_system_ns = field_in(cpu, "system_usec") * 1000;
  usage.pids = number_in(dir + "/pids.current");
  return usage;
}

// The deepest directories first, the given one last.
void collect(const std::string& dir, std::vector<std::string>& into) {
  if (DIR* handle = ::opendir(dir.c_str())) {
    const Finally close([handle] { ::closedir(handle); });
    while (const dirent* entry = ::readdir(handle)) {
      const std::string_view name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..")
        collect(dir + "/" + entry->d_name, into);
    }
    into.push_back(dir);
  }
}

bool remove_now(const std::vector<std::string>& roots) {
  bool gone = true;
  for (const auto& root : roots) {
    std::vector<std::string> all;
    collect(root, all);
    for (const auto& dir : all) {
      if (::rmdir(dir.c_str()) == 0 || errno == ENOENT) continue;
      if (errno != EBUSY && errno != ENOTEMPTY)
        throw SystemError(errno, "remove control group " + dir);
      gone = false;
    }
  }
  return gone;
}

}  // namespace

CgroupUsage Cgroups::usage(const std::string& path) const {
  if (layout_ == CgroupLayout::v2) {
    auto usage = usage_v2(directory(path));
    usage.oom_kills = oom_kills(path);
    return usage;
  }
  CgroupUsage usage;
  usage.oom_kills = oom_kills(path);
  if (v1_.contains("memory")) {
    const auto dir = directory(path, "memory");
    usage.memory_bytes = number_in(dir + "/memory.usage_in_bytes");
    usage.memory_peak_bytes = number_in(dir + "/memory.max_usage_in_bytes");
    const auto limit = number_in(dir + "/memory.limit_in_bytes");
    usage.memory_limit_bytes = limit < uint64_t{1} << 60 ? limit : 0;  // "none" is a huge number
    usage.memory_cache_bytes = field_in(read_quietly(dir + "/memory.stat"), "total_inactive_file");
  }
  if (v1_.contains("cpuacct")) {
    const auto dir = directory(path, "cpuacct");
    usage.cpu_ns = number_in(dir + "/cpuacct.usage");
    usage.cpu_user_ns = number_in(dir + "/cpuacct.usage_user");
    usage.cpu_system_ns = number_in(dir + "/cpuacct.usage_sys");
  }
  if (v1_.contains("pids")) usage.pids = number_in(directory(path, "pids") + "/pids.current");
  return usage;
}

uint64_t Cgroups::oom_kills(const std::string& path) const {
  const bool v2 = layout_ == CgroupLayout::v2;
  if (!v2 && !v1_.contains("memory")) return 0;
  const auto dir = directory(path, "memory");
  return field_in(read_quietly(dir + (v2 ? "/memory.events" : "/memory.oom_control")), "oom_kill");
}

std::vector<int> Cgroups::processes(const std::string& path) const {
  std::set<int> pids;
  for (const auto& root : directories(path)) {
    std::vector<std::string> all;
    collect(root, all);
    for (const auto& dir : all) {
      for (const auto& line : split(read_quietly(dir + "/cgroup.procs"), '\n')) {
        // 0: a process of an outer pid namespace, out of our reach.
        if (const auto pid = parse_int(line); pid && *pid > 0) pids.insert(static_cast<int>(*pid));
      }
    }
  }
  return {pids.begin(), pids.end()};
}

void Cgroups::add_process(const std::string& path, int pid) const {
  for (const auto& dir : directories(path))
    cgroup_files::write_setting(dir, "cgroup.procs", std::to_string(pid));
}

bool Cgroups::kill_all(const std::string& path, SteadyTime deadline) const {
  for (;;) {
    const auto pids = processes(path);
    if (pids.empty()) return true;
    // Handles first, then a second look: a pid that was reused in between is not in the group.
    std::map<int, Fd> handles;
    for (const int pid : pids) handles.emplace(pid, open_pidfd(pid));
    for (const auto& dir : directories(path)) {
      const bool v2 = slipway::exists(dir + "/cgroup.kill");
      if (v2) cgroup_files::write_setting(dir, "cgroup.kill", "1");
    }
    for (const int pid : processes(path)) {
      const auto handle = handles.find(pid);
      if (handle != handles.end() && handle->second) signal_pidfd(handle->second.get(), SIGKILL);
    }
    // A frozen group of version 1 dies only when thawed.
    if (v1_.contains("freezer")) {
      std::vector<std::string> all;
      collect(directory(path, "freezer"), all);
      for (const auto& dir : all)
        cgroup_files::write_setting_if_there(dir, "freezer.state", "THAWED");
    }
    if (std::chrono::steady_clock::now() >= deadline) return processes(path).empty();
    Stop().wait_for(milliseconds(5));
  }
}

bool Cgroups::remove(const std::string& path, milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (remove_now(directories(path))) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    Stop().wait_for(milliseconds(10));
  }
}

}  // namespace slipway::linux
