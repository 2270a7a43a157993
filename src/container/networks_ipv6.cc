// The IPv6 part of a network: what can be wrong about a wish (pure), and what is chosen for it. And
// networks that are made of another's configuration.
#include "base/error.h"
#include "container/ipam.h"
#include "container/ipv6.h"
#include "container/networks.h"

namespace slipway::container {
namespace {

linux::Cidr6 parse_range6(const std::string& text, const char* what) {
  linux::Cidr6 range;
  try {
    range = linux::Cidr6::parse(text);
  } catch (const Error&) {
    throw invalid_argument("invalid {} {}: invalid CIDR block notation", what, text);
  }
  if (text.find('/') == std::string::npos)
    throw invalid_argument("invalid {} {}: invalid CIDR block notation", what, text);
  // The same range may be written in several ways; host bits must not be set.
  const auto address = linux::Ip6::parse(text.substr(0, text.find('/')));
  if (address != range.network)
    throw invalid_argument("invalid {} {}: it should be {}", what, text, range.text());
  return range;
}

linux::Ip6 parse_address6(const std::string& text, const char* what) {
  try {
    return linux::Ip6::parse(text);
  } catch (const Error&) {
    throw invalid_argument("invalid {} {}: not an IPv6 address", what, text);
  }
}

void check_subnet6(const linux::Cidr6& subnet, const std::string& text) {
  if (subnet.prefix > 126 || subnet.prefix < 8)
    throw invalid_argument("invalid subnet {}: between /8 and /126 can hold containers", text);
  // Multicast, link-local, and all that begins with a zero byte: loopback, IPv4 in disguise.
  const bool unfit = subnet.network.high >> 56 == 0xff || subnet.network.high >> 54 == 0x3fa ||
                     subnet.network.high >> 56 == 0;
  if (unfit)
    throw invalid_argument("invalid subnet {}: not addresses that a network can have", text);
}

}  // namespace

void check_ipv6(const NetworkInfo& wanted) {
  const Ipv6Range& six = wanted.six;
  if (six.subnet.empty()) {
    if (!six.ip_range.empty() || !six.gateway.empty() || !six.auxiliary.empty())
      throw invalid_argument(
          "an IPv6 ip-range, gateway or aux-address needs the subnet it is of (--subnet)");
    return;
  }
  if (!wanted.ipv6)
    throw invalid_argument("subnet {} is IPv6, but the network is not: add --ipv6", six.subnet);
  const auto subnet = parse_range6(six.subnet, "subnet");
  check_subnet6(subnet, six.subnet);
  const AddressPool6 pool(subnet, std::nullopt, {});
  const auto check_inside = [&](const std::string& address, const char* what) {
    if (!pool.can_be_given(parse_address6(address, what)))
      throw invalid_argument("invalid {} {}: not an address of subnet {}", what, address,
                             six.subnet);
  };
  if (!six.ip_range.empty()) {
    const auto range = parse_range6(six.ip_range, "ip-range");
    if (range.prefix < subnet.prefix || !subnet.contains(range.network))
      throw invalid_argument("invalid ip-range {}: it is not within subnet {}", six.ip_range,
                             six.subnet);
  }
  if (!six.gateway.empty()) check_inside(six.gateway, "gateway");
  for (const auto& [name, address] : six.auxiliary) {
    check_inside(address, "aux-address");
    if (!six.gateway.empty() && linux::Ip6::parse(address) == linux::Ip6::parse(six.gateway))
      throw invalid_argument("aux-address {} is the gateway {}", name, address);
  }
}

void Networks::choose_subnet6_for(NetworkInfo& wanted) const {
  if (const auto reason = why_no_ipv6(); !reason.empty())
    throw unavailable("network {} cannot have IPv6: {}", wanted.name, reason);
  Ipv6Range& six = wanted.six;
  std::vector<linux::Cidr6> used;
  for (const auto& network : list()) {
    if (network.is_bridge() && network.ipv6)
      used.push_back(linux::Cidr6::parse(network.six.subnet));
  }
  if (!six.subnet.empty()) {
    const auto subnet = linux::Cidr6::parse(six.subnet);
    if (std::any_of(used.begin(), used.end(), [&](const auto& u) { return overlap(u, subnet); }))
      throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
    six.subnet = subnet.text();
  } else {
    for (const auto& range : linux::Links().route_destinations(true))
      used.push_back(linux::Cidr6::parse(range));
    const auto chosen = choose_subnet6(used, ula_global_id());
    if (!chosen)
      throw unavailable("all IPv6 subnets of this machine are taken: choose one with --subnet");
    six.subnet = chosen->text();
  }
  // Addresses in one form, so that they can be compared as they are shown.
  if (!six.gateway.empty()) six.gateway = linux::Ip6::parse(six.gateway).text();
  for (auto& [name, address] : six.auxiliary) address = linux::Ip6::parse(address).text();
  const auto subnet = linux::Cidr6::parse(six.subnet);
  for (uint64_t n = 1; six.gateway.empty(); ++n) {
    const std::string candidate = subnet.network.plus(n).text();
    const bool taken = std::any_of(six.auxiliary.begin(), six.auxiliary.end(),
                                   [&](const auto& aux) { return aux.second == candidate; });
    if (!taken) six.gateway = candidate;
  }
}

void Networks::take_configuration(NetworkInfo& wanted) const {
  const auto from = find(wanted.config_from);
  if (!from || !from->config_only)
    throw invalid_argument(
        "{} is not a configuration network (docker network create --config-only)",
        wanted.config_from);
  wanted.config_from = from->name;
  wanted.subnet = from->subnet;
  wanted.ip_range = from->ip_range;
  wanted.gateway = from->gateway;
  wanted.auxiliary = from->auxiliary;
  wanted.subnet_chosen = from->subnet_chosen;
  wanted.ipv6 = from->ipv6;
  wanted.six = from->six;
  wanted.options = from->options;
  wanted.ipam_options = from->ipam_options;
  for (const auto& [name, value] : from->labels) wanted.labels.try_emplace(name, value);
}

}  // namespace slipway::container
