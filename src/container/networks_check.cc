// What can be wrong about a network that somebody wants. Pure.
#include "base/error.h"
#include "base/strings.h"
#include "container/ipam.h"
#include "container/networks.h"

namespace slipway::container {
namespace {

linux::Cidr4 parse_range(const std::string& text, const char* what) {
  linux::Cidr4 range;
  try {
    range = linux::Cidr4::parse(text);
  } catch (const Error&) {
    throw invalid_argument("invalid {} {}: invalid CIDR block notation", what, text);
  }
  if (text.find('/') == std::string::npos)
    throw invalid_argument("invalid {} {}: invalid CIDR block notation", what, text);
  if (range.text() != text)
    throw invalid_argument("invalid {} {}: it should be {}", what, text, range.text());
  return range;
}

uint32_t parse_address(const std::string& text, const char* what) {
  try {
    return linux::parse_ipv4(text);
  } catch (const Error&) {
    throw invalid_argument("invalid {} {}: not an IP address", what, text);
  }
}

void check_inside(const AddressPool& pool, const std::string& address, const char* what,
                  const std::string& subnet) {
  if (!pool.can_be_given(parse_address(address, what)))
    throw invalid_argument("invalid {} {}: not an address of subnet {}", what, address, subnet);
}

void check_addresses(const NetworkInfo& wanted) {
  if (wanted.subnet.empty()) {
    if (!wanted.ip_range.empty() || !wanted.gateway.empty() || !wanted.auxiliary.empty())
      throw invalid_argument(
          "an ip-range, gateway or aux-address needs the subnet it is of (--subnet)");
    return;
  }
  const auto subnet = parse_range(wanted.subnet, "subnet");
  if (subnet.prefix > 30 || subnet.prefix < 8)
    throw invalid_argument("invalid subnet {}: between /8 and /30 can hold containers",
                           wanted.subnet);
  const uint32_t first = subnet.network >> 24;
  if (first == 0 || first == 127 || first >= 224)
    throw invalid_argument("invalid subnet {}: not addresses that a network can have",
                           wanted.subnet);
  const AddressPool pool(subnet, std::nullopt, {});
  if (!wanted.ip_range.empty()) {
    const auto range = parse_range(wanted.ip_range, "ip-range");
    if (range.prefix < subnet.prefix || !subnet.contains(range.network))
      throw invalid_argument("invalid ip-range {}: it is not within subnet {}", wanted.ip_range,
                             wanted.subnet);
  }
  if (!wanted.gateway.empty()) check_inside(pool, wanted.gateway, "gateway", wanted.subnet);
  for (const auto& [name, address] : wanted.auxiliary) {
    check_inside(pool, address, "aux-address", wanted.subnet);
    if (address == wanted.gateway)
      throw invalid_argument("aux-address {} is the gateway {}", name, address);
  }
}

void check_bridge_name(const std::string& name) {
  if (name.empty() || name.size() > 15 || !only_alnum_and(name, "_.-") || name == "." ||
      name == "..")
    throw invalid_argument("invalid bridge name \"{}\": 1 to 15 letters, digits or _.-", name);
}

void check_options(const NetworkInfo& wanted) {
  static const std::set<std::string> known = {option_bridge_name,  option_icc, option_masquerade,
                                              option_host_binding, option_mtu, option_prefix};
  for (const auto& [name, value] : wanted.options) {
    // Docker's own say what a network does; others are notes that somebody keeps here.
    if (!name.starts_with("com.docker.network.") || known.contains(name)) continue;
    const bool harmless =
        (name == "com.docker.network.enable_ipv6" && value == "false") ||
        (name == "com.docker.network.bridge.default_bridge" && value == "false") ||
        (name == "com.docker.network.bridge.gateway_mode_ipv4" && value == "nat") ||
        (name == "com.docker.network.bridge.gateway_mode_ipv6" && value == "nat");
    if (!harmless)
      throw unimplemented("network option {}={} is not implemented by Slipway", name, value);
  }
  if (wanted.options.contains(option_bridge_name))
    check_bridge_name(option_text(wanted, option_bridge_name));
  option_flag(wanted, option_icc, true);
  option_flag(wanted, option_masquerade, true);
  const std::string binding = option_text(wanted, option_host_binding);
  if (!binding.empty()) parse_address(binding, "host binding address");
  const std::string mtu = option_text(wanted, option_mtu);
  const auto number = parse_uint(mtu);
  if (!mtu.empty() && (!number || *number < 68 || *number > 65535))
    throw invalid_argument("invalid MTU \"{}\"", mtu);
  const std::string prefix = option_text(wanted, option_prefix);
  if (prefix.size() > 11 || !only_alnum_and(prefix, "_-") || prefix == "lo")
    throw invalid_argument("invalid interface prefix \"{}\"", prefix);
}

void check_configuration(const NetworkInfo& wanted) {
  if (wanted.config_only && !wanted.config_from.empty())
    throw forbidden("a configuration network cannot depend on another configuration network");
  if (wanted.config_only && (wanted.internal || wanted.attachable))
    throw forbidden(
        "configuration network can only contain network specific fields: neither internal nor "
        "attachable");
  if (wanted.config_from.empty()) return;
  const bool addresses = !wanted.subnet.empty() || !wanted.ip_range.empty() ||
                         !wanted.gateway.empty() || wanted.ipv6 || !wanted.six.subnet.empty();
  if (addresses || !wanted.options.empty() || !wanted.ipam_options.empty())
    throw forbidden(
        "addresses and options are those of the configuration network {}: they cannot be given "
        "with --config-from",
        wanted.config_from);
}

}  // namespace

std::string option_text(const NetworkInfo& network, const std::string& name) {
  const auto found = network.options.find(name);
  return found == network.options.end() ? "" : found->second;
}

bool option_flag(const NetworkInfo& network, const std::string& name, bool fallback) {
  const std::string text = to_lower(option_text(network, name));
  if (text.empty()) return fallback;
  if (text == "true" || text == "1" || text == "t") return true;
  if (text == "false" || text == "0" || text == "f") return false;
  throw invalid_argument("invalid value \"{}\" of network option {}: true or false", text, name);
}

void check_network(const NetworkInfo& wanted) {
  const std::string& name = wanted.name;
  if (name.empty()) throw invalid_argument("invalid network name: name is empty");
  if (name.size() > 255 || !only_alnum_and(name, "_.-") || !only_alnum_and(name.substr(0, 1), ""))
    throw invalid_argument(
        "invalid network name \"{}\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
  if (name.size() == 64 && only_alnum_and(name, ""))
    throw invalid_argument("invalid network name \"{}\": it looks like an id", name);
  const std::string& driver = wanted.driver;
  if (driver == "host" || driver == "null")
    throw forbidden("only one instance of \"{}\" network is allowed", driver);
  if (driver == "overlay")
    throw Error(
        Kind::unavailable,
        "This node is not a swarm manager: overlay networks need one. Use a bridge network");
  if (!driver.empty() && driver != "bridge" && driver != "default")
    throw not_found("plugin \"{}\" not found: Slipway has bridge networks", driver);
  check_configuration(wanted);
  check_addresses(wanted);
  check_ipv6(wanted);
  check_options(wanted);
}

}  // namespace slipway::container
