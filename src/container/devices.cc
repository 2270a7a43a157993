#include "container/devices.h"

#include <filesystem>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"

namespace slipway::container {
namespace {

namespace fs = std::filesystem;

std::optional<DeviceNode> node_at(const std::string& source, const std::string& target,
                                  const std::string& access, bool follow) {
  struct stat info {};
  const int rc = follow ? ::stat(source.c_str(), &info) : ::lstat(source.c_str(), &info);
  if (rc != 0 || !(S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))) return std::nullopt;
  DeviceNode node;
  node.path = target;
  node.type = S_ISBLK(info.st_mode) ? 'b' : 'c';
  node.major = major(info.st_rdev);
  node.minor = minor(info.st_rdev);
  node.mode = info.st_mode & 07777;
  node.uid = info.st_uid;
  node.gid = info.st_gid;
  node.access = access;
  return node;
}

// What every container has its own of.
bool skipped(const std::string& name) {
  static const std::set<std::string> kSkipped = {
      "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "ptmx"};
  return kSkipped.contains(name);
}

void collect_devices(const std::string& source, const std::string& target,
                     const std::string& access, int depth, std::vector<DeviceNode>& into) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(source, error)) {
    const std::string name = entry.path().filename();
    if (skipped(name)) continue;
    const std::string to = target + "/" + name;
    if (entry.is_directory(error) && !entry.is_symlink(error)) {
      if (depth < 8) collect_devices(entry.path(), to, access, depth + 1, into);
    } else if (auto node = node_at(entry.path(), to, access, false)) {
      into.push_back(std::move(*node));
    }
  }
}

bool valid_access(std::string_view access) {
  return !access.empty() && access.find_first_not_of("rwm") == std::string_view::npos;
}

Json number_or_any(std::string_view text, std::string_view whole) {
  if (text == "*") return -1;
  const auto number = parse_uint(text);
  if (!number || *number > UINT32_MAX)
    throw invalid_argument("invalid device cgroup rule format: '{}'", whole);
  return *number;
}

Json limit_json(const DeviceLimit& limit, const char* name) {
  struct stat info {};
  if (::stat(limit.path.c_str(), &info) != 0 || !S_ISBLK(info.st_mode))
    throw invalid_argument("{} is not a block device", limit.path);
  return {{"major", major(info.st_rdev)}, {"minor", minor(info.st_rdev)}, {name, limit.value}};
}

void add_limits(Json& out, const char* member, const std::vector<DeviceLimit>& limits,
                const char* name) {
  for (const DeviceLimit& limit : limits) out[member].push_back(limit_json(limit, name));
}

}  // namespace

std::vector<DeviceNode> find_device(const Device& device) {
  const std::string target = device.target.empty() ? device.source : device.target;
  if (!valid_access(device.access))
    throw invalid_argument("invalid device mode: {}", device.access);
  if (!target.starts_with('/')) throw invalid_argument("invalid device path: {}", target);
  std::error_code error;
  const auto status = fs::status(device.source, error);
  if (error || !fs::exists(status))
    throw invalid_argument(
        "error gathering device information while adding custom device \"{}\": no such file or "
        "directory",
        device.source);
  if (auto node = node_at(device.source, target, device.access, true)) return {*node};
  std::vector<DeviceNode> out;
  if (fs::is_directory(status)) collect_devices(device.source, target, device.access, 0, out);
  if (out.empty())
    throw invalid_argument(
        "error gathering device information while adding custom device \"{}\": not a device node",
        device.source);
  return out;
}

std::vector<DeviceNode> all_devices() {
  std::vector<DeviceNode> out;
  collect_devices("/dev", "/dev", "rwm", 0, out);
  return out;
}

Json devices_json(const std::vector<DeviceNode>& nodes) {
  Json out = Json::array();
  for (const DeviceNode& node : nodes) {
    out.push_back({{"path", node.path},
                   {"type", std::string(1, node.type)},
                   {"major", node.major},
                   {"minor", node.minor},
                   {"fileMode", node.mode},
                   {"uid", node.uid},
                   {"gid", node.gid}});
  }
  return out;
}

Json device_rule(const DeviceNode& node) {
  return {{"allow", true},
          {"type", std::string(1, node.type)},
          {"major", node.major},
          {"minor", node.minor},
          {"access", node.access}};
}

Json device_rule(std::string_view text) {
  const auto words = split(text, ' ');
  const auto [major_text, minor_text] =
      split_once(words.size() == 3 ? words[1] : std::string(), ':');
  const bool known = words.size() == 3 && (words[0] == "a" || words[0] == "b" || words[0] == "c");
  if (!known || !valid_access(words[2]))
    throw invalid_argument("invalid device cgroup rule format: '{}'", text);
  Json out = {{"allow", true}, {"type", words[0]}, {"access", words[2]}};
  const Json major_number = number_or_any(major_text, text);
  const Json minor_number = number_or_any(minor_text, text);
  if (major_number != -1) out["major"] = major_number;
  if (minor_number != -1) out["minor"] = minor_number;
  return out;
}

Json block_io_json(const HostOptions& host) {
  Json out;
  if (host.blkio_weight != 0) out["weight"] = host.blkio_weight;
  add_limits(out, "weightDevice", host.blkio_weights, "weight");
  add_limits(out, "throttleReadBpsDevice", host.read_bps, "rate");
  add_limits(out, "throttleWriteBpsDevice", host.write_bps, "rate");
  add_limits(out, "throttleReadIOPSDevice", host.read_iops, "rate");
  add_limits(out, "throttleWriteIOPSDevice", host.write_iops, "rate");
  return out;
}

}  // namespace slipway::container
