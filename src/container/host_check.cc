#include "container/host_check.h"

#include "base/error.h"
#include "base/strings.h"
#include "container/accounts.h"
#include "container/devices.h"
#include "container/seccomp.h"

namespace slipway::container {
namespace {

void check_mode(const std::string& mode, const char* what, std::set<std::string> known,
                bool may_join) {
  if (mode.empty() || known.contains(mode)) return;
  if (may_join && mode.starts_with("container:") && mode.size() > 10) return;
  throw invalid_argument("invalid {} mode: {}", what, mode);
}

void check_namespaces(const Spec& spec) {
  const HostOptions& host = spec.host;
  check_mode(host.pid_mode, "PID", {"host", "private"}, true);
  check_mode(host.ipc_mode, "IPC", {"host", "private", "shareable", "none"}, true);
  check_mode(host.uts_mode, "UTS", {"host", "private"}, false);
  check_mode(host.userns_mode, "userns", {"host"}, false);
  check_mode(host.cgroupns_mode, "cgroup namespace", {"host", "private"}, false);
  if (host.uts_mode == "host" && !spec.hostname.empty())
    throw invalid_argument("conflicting options: hostname and the UTS mode");
}

void check_log_option(const std::string& name, const std::string& value,
                      const std::string& driver) {
  static const std::set<std::string> kKnown = {
      "max-size", "max-file", "compress",  "labels", "labels-regex",
      "env",      "tag",      "env-regex", "mode",   "max-buffer-size"};
  if (!kKnown.contains(name))
    throw invalid_argument("unknown log opt '{}' for {} log driver", name, driver);
  if (name == "mode" && value != "blocking" && value != "non-blocking")
    throw invalid_argument("logger: logging mode not supported: {}", value);
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = parse_uint(text.substr(0, digits));
  if (!number || *number > (uint64_t{1} << 40)) return std::nullopt;
  std::string unit = to_lower(text.substr(digits));
  if (unit.size() > 1 && unit.ends_with("b")) unit.pop_back();
  if (unit.size() > 1 && unit.ends_with("i")) unit.pop_back();
  if (unit.empty() || unit == "b") return number;
  const size_t power = std::string_view("kmg").find(unit);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  return *number << (10 * (power + 1));
}

LogLimits log_limits(const Spec& spec) {
  LogLimits out;
  if (spec.log_driver == "none") return out;
  const bool local = spec.log_driver == "local";
  if (local) out = {20u << 20, 5};
  const auto& options = spec.host.log_options;
  for (const auto& [name, value] : options) check_log_option(name, value, spec.log_driver);
  if (const auto size = options.find("max-size"); size != options.end() && size->second != "-1") {
    const auto parsed = parse_size(size->second);
    if (!parsed || *parsed == 0)
      throw invalid_argument("invalid value for max-size: \"{}\"", size->second);
    out.max_size = *parsed;
  }
  if (const auto files = options.find("max-file"); files != options.end()) {
    const auto parsed = parse_uint(files->second);
    if (!parsed || *parsed < 1 || *parsed > 1000)
      throw invalid_argument("max-file cannot be less than 1");
    out.max_files = static_cast<int>(*parsed);
    if (out.max_size == 0 && out.max_files > 1)
      throw invalid_argument("max-file option requires max-size to be set");
  }
  return out;
}

void check_host_options(const Spec& spec) {
  check_namespaces(spec);
  log_limits(spec);
  const HostOptions& host = spec.host;
  for (const std::string& rule : host.device_rules) device_rule(rule);
  for (const Device& device : host.devices) {
    if (device.access.find_first_not_of("rwm") != std::string::npos || device.access.empty())
      throw invalid_argument("invalid device mode: {}", device.access);
  }
  if (!host.seccomp.empty() && host.seccomp != "unconfined") convert_seccomp(host.seccomp, {});
  static const std::set<std::string> kRuntimes = {"", "crun", "runc"};
  if (!kRuntimes.contains(host.runtime))
    throw invalid_argument("unknown or invalid runtime name: {}", host.runtime);
  for (const std::string& option : host.dns_options) {
    if (option.find_first_of(" \t\r\n") != std::string::npos)
      throw invalid_argument("bad DNS option: \"{}\"", option);
  }
}

}  // namespace slipway::container
