// What can be wrong about how a container wants to be on a network. Pure.
#include "base/error.h"
#include "base/strings.h"
#include "container/impl.h"

namespace slipway::container {
namespace {

void check_mac(const std::string& mac) {
  const auto parts = split(mac, ':');
  const bool shaped =
      parts.size() == 6 && std::all_of(parts.begin(), parts.end(), [](auto& part) {
        return part.size() == 2 &&
               part.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
      });
  if (!shaped) throw invalid_argument("invalid MAC address: {}", mac);
  if ((std::stoi(parts[0], nullptr, 16) & 1) != 0)
    throw invalid_argument("invalid MAC address: {} is a multicast address", mac);
}

void check_ipv6_address(const NetworkInfo& network, const std::string& wanted) {
  if (wanted.empty()) return;
  if (!network.has_names())
    throw invalid_argument("user specified IP address is supported on user defined networks only");
  if (!network.ipv6)
    throw invalid_argument(
        "invalid config for network {}: IPv6 address {} on a network that has no IPv6 (--ipv6)",
        network.name, wanted);
  if (!network.six.subnet_chosen)
    throw invalid_argument(
        "user specified IP address is supported only when connecting to networks with user "
        "configured subnets");
  const AddressPool6 pool(linux::Cidr6::parse(network.six.subnet), std::nullopt, {});
  if (!pool.can_be_given(linux::Ip6::parse(wanted)))
    throw invalid_argument(
        "invalid config for network {}: no configured subnet contains IP address {}", network.name,
        wanted);
}

void check_link_local(const std::string& address) {
  const bool six = address.find(':') != std::string::npos;
  const bool local = six ? linux::Cidr6::parse("fe80::/10").contains(linux::Ip6::parse(address))
                         : linux::parse_ipv4(address) >> 16 == (169 << 8 | 254);
  if (!local) throw invalid_argument("invalid link-local IP address {}", address);
}

}  // namespace

// "container[:alias]" -> alias, container
std::pair<std::string, std::string> parse_link(const std::string& text) {
  auto [target, alias] = split_once(text, ':');
  if (target.starts_with('/')) target.erase(0, 1);
  alias = alias.substr(alias.rfind('/') + 1);  // "/db:/web/db", as inspect shows links
  if (target.empty() || alias.find_first_of(" \t\r\n") != std::string::npos)
    throw invalid_argument("invalid link \"{}\": container[:alias]", text);
  return {alias.empty() ? target : alias, target};
}

void check_endpoint(const NetworkInfo& network, const EndpointSpec& wanted) {
  if (!wanted.mac.empty()) check_mac(wanted.mac);
  for (const std::string& link : wanted.links) parse_link(link);
  if (!network.has_names() && !wanted.aliases.empty())
    throw invalid_argument(
        "network-scoped alias is supported only for containers in user defined networks");
  for (const std::string& alias : wanted.aliases) {
    if (alias.empty() || alias.size() > 253 || alias.find_first_of(" \t\r\n") != std::string::npos)
      throw invalid_argument("invalid network-scoped alias \"{}\"", alias);
  }
  check_ipv6_address(network, wanted.ipv6);
  for (const std::string& address : wanted.link_local) check_link_local(address);
  if (wanted.ipv4.empty()) return;
  if (!network.has_names())
    throw invalid_argument("user specified IP address is supported on user defined networks only");
  if (!network.subnet_chosen)
    throw invalid_argument(
        "user specified IP address is supported only when connecting to networks with user "
        "configured subnets");
  const AddressPool pool(linux::Cidr4::parse(network.subnet), std::nullopt, {});
  if (!pool.can_be_given(linux::parse_ipv4(wanted.ipv4)))
    throw invalid_argument(
        "invalid config for network {}: no configured subnet contains IP address {}", network.name,
        wanted.ipv4);
}

}  // namespace slipway::container
