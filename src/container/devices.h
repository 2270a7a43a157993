// Devices of a container: which nodes it gets, what it may do with them, and limits of block
// devices. Looks at the machine's /dev.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "container/host_options.h"

namespace slipway::container {

struct DeviceNode {
  std::string path;  // in the container
  char type = 'c';   // c or b
  uint32_t major = 0, minor = 0, mode = 0, uid = 0, gid = 0;
  std::string access;
};

// A device, or all below a directory. Throws Error(invalid_argument) with Docker's words.
std::vector<DeviceNode> find_device(const Device& device);
// Everything in /dev that a privileged container gets.
std::vector<DeviceNode> all_devices();
// The OCI "devices" member.
nlohmann::json devices_json(const std::vector<DeviceNode>& nodes);
// A rule of the device cgroup from "c 1:3 rwm" ("*" allowed). Throws Error(invalid_argument).
nlohmann::json device_rule(std::string_view text);
nlohmann::json device_rule(const DeviceNode& node);
// The OCI "blockIO" member; null when nothing is limited.
nlohmann::json block_io_json(const HostOptions& host);

}  // namespace slipway::container
