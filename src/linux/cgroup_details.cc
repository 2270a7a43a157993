// Cgroups: the finer numbers of `docker stats`, on either version.
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "linux/cgroups.h"
#include "linux/cgroups_impl.h"

namespace slipway::linux {
namespace {

namespace files = cgroup_files;

std::map<std::string, uint64_t> fields_of(const std::string& text) {
  std::map<std::string, uint64_t> out;
  for (const auto& line : split(text, '\n')) {
    const auto [name, value] = split_once(line, ' ');
    if (const auto number = parse_uint(trim(value))) out.emplace(name, *number);
  }
  return out;
}

struct DeviceNumber {
  uint64_t major = 0, minor = 0;
};
std::optional<DeviceNumber> parse_device(std::string_view text) {
  const auto [major, minor] = split_once(text, ':');
  const auto a = parse_uint(major), b = parse_uint(minor);
  if (!a || !b) return std::nullopt;
  return DeviceNumber{*a, *b};
}

// Version 1: "8:0 Read 4096".
std::vector<CgroupDetails::Io> io_v1(const std::string& text) {
  std::vector<CgroupDetails::Io> out;
  for (const auto& line : split(text, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() != 3) continue;
    const auto device = parse_device(words[0]);
    const auto value = parse_uint(words[2]);
    const auto operation = to_lower(words[1]);
    if (!device || !value || (operation != "read" && operation != "write")) continue;
    out.push_back({device->major, device->minor, operation, *value});
  }
  return out;
}

// Version 2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...".
void io_v2(const std::string& text, CgroupDetails& into) {
  for (const auto& line : split(text, '\n')) {
    const auto words = split(trim(line), ' ');
    const auto device = parse_device(words.empty() ? "" : words[0]);
    if (!device) continue;
    for (size_t i = 1; i < words.size(); ++i) {
      const auto [key, number] = split_once(words[i], '=');
      const auto value = parse_uint(number);
      if (!value) continue;
      const auto add = [&](auto& list, const char* operation) {
        list.push_back({device->major, device->minor, operation, *value});
      };
      if (key == "rbytes") add(into.io_bytes, "read");
      if (key == "wbytes") add(into.io_bytes, "write");
      if (key == "rios") add(into.io_operations, "read");
      if (key == "wios") add(into.io_operations, "write");
    }
  }
}

CgroupDetails details_v2(const std::string& dir) {
  CgroupDetails out;
  out.memory_stat = fields_of(files::read_quietly(dir + "/memory.stat"));
  const auto cpu = files::read_quietly(dir + "/cpu.stat");
  out.periods = files::field_in(cpu, "nr_periods");
  out.throttled_periods = files::field_in(cpu, "nr_throttled");
  out.throttled_ns = files::field_in(cpu, "throttled_usec") * 1000;
  out.pids_limit = files::number_in(dir + "/pids.max");
  out.memory_failures = files::field_in(files::read_quietly(dir + "/memory.events"), "max");
  io_v2(files::read_quietly(dir + "/io.stat"), out);
  return out;
}

}  // namespace

CgroupDetails Cgroups::details(const std::string& path) const {
  if (layout_ == CgroupLayout::v2) return details_v2(directory(path));
  CgroupDetails out;
  if (v1_.contains("memory")) {
    const auto dir = directory(path, "memory");
    out.memory_stat = fields_of(files::read_quietly(dir + "/memory.stat"));
    out.memory_failures = files::number_in(dir + "/memory.failcnt");
  }
  if (v1_.contains("cpuacct")) {
    const auto each = files::read_quietly(directory(path, "cpuacct") + "/cpuacct.usage_percpu");
    for (const auto& word : split(trim(each), ' ')) {
      if (const auto value = parse_uint(word)) out.cpu_each_ns.push_back(*value);
    }
  }
  if (v1_.contains("cpu")) {
    const auto cpu = files::read_quietly(directory(path, "cpu") + "/cpu.stat");
    out.periods = files::field_in(cpu, "nr_periods");
    out.throttled_periods = files::field_in(cpu, "nr_throttled");
    out.throttled_ns = files::field_in(cpu, "throttled_time");
  }
  if (v1_.contains("pids"))
    out.pids_limit = files::number_in(directory(path, "pids") + "/pids.max");
  if (v1_.contains("blkio")) {
    const auto dir = directory(path, "blkio");
    out.io_bytes = io_v1(files::read_quietly(dir + "/blkio.throttle.io_service_bytes_recursive"));
    out.io_operations = io_v1(files::read_quietly(dir + "/blkio.throttle.io_serviced_recursive"));
  }
  return out;
}

bool Cgroups::has_setting(const std::string& controller, const std::string& file) const {
  const bool v2 = layout_ == CgroupLayout::v2;
  const auto found = v1_.find(controller);
  if (v2 ? v2_.empty() : found == v1_.end()) return false;
  const std::string mount = v2 ? v2_ : found->second;
  // The hierarchy's root lacks most settings: a group below it is looked at. On version 2 that one
  // has them only where the root passes the controller on.
  if (slipway::exists(mount + "/" + file)) return true;
  if (v2) {
    const auto text = files::read_quietly(mount + "/cgroup.subtree_control");
    const auto passed = split(trim(text), ' ');
    if (std::find(passed.begin(), passed.end(), controller) == passed.end()) return has(controller);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(mount, error)) {
    if (entry.is_directory(error)) return slipway::exists(entry.path().string() + "/" + file);
  }
  return has(controller);  // no group yet: the controller is there, its settings will be
}

}  // namespace slipway::linux
