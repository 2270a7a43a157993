// Containers on networks: how a container is to be on one, and where it is on it while it runs.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace slipway::container {

// Kept in the container's spec; connect and disconnect change it.
struct EndpointSpec {
  std::string network{};     // name; create and connect take an id as well
  std::string network_id{};  // resolved by create and connect
  std::vector<std::string> aliases{};
  std::vector<std::string> links{};   // "container[:alias]": names that only this container sees
  std::string ipv4{}, ipv6{}, mac{};  // asked for; empty: chosen
  std::vector<std::string> link_local{};  // further addresses, of either family
  int gateway_priority = 0;  // the highest has the default route, then the first by name
  std::map<std::string, std::string> driver_opts{};
};

struct Endpoint {
  std::string id, network, network_id;
  std::string ip, gateway, mac, interface;  // interface: its name in the container ("eth0")
  int prefix = 0;
  std::string ip6, gateway6;  // empty: the network has no IPv6
  int prefix6 = 0;
};

}  // namespace slipway::container
