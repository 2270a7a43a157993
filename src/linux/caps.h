// What this process may do (capabilities), and kernel settings under /proc/sys.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::linux {

// Capability numbers 0.. by name ("CAP_CHOWN"); nullptr past the last one known.
const char* capability_name(int number);
std::optional<int> capability_number(std::string_view name);  // with or without "CAP_", any case
// Bit masks of this process (bit n = capability n).
uint64_t bounding_capabilities();
uint64_t effective_capabilities();
std::vector<std::string> capability_names(uint64_t mask);

// "net.ipv4.ip_forward" or "net/ipv4/ip_forward" (the latter for interface names with dots); the
// calling thread's network namespace. Throws SystemError naming the setting.
std::string read_sysctl(const std::string& name);
void write_sysctl(const std::string& name, const std::string& value);
// As write_sysctl, but does nothing when the value is there already (read-only /proc is then fine).
void ensure_sysctl(const std::string& name, const std::string& value);

}  // namespace slipway::linux
