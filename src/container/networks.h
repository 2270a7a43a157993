// The networks that exist: the predefined ones (bridge, host, none) and those that users made,
// which are records in the store. Making and removing one makes and removes its bridge (network.h).
// Thread-safe.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "linux/links.h"
#include "store/store.h"

namespace slipway::container {

class Dataplane;
class Events;

// The IPv6 part of a network that has one.
struct Ipv6Range {
  std::string subnet, ip_range, gateway;         // "fd00:1::/64", "", "fd00:1::1"
  std::map<std::string, std::string> auxiliary;  // as below
  bool subnet_chosen = false;
};

struct NetworkInfo {
  std::string id, name;
  std::string driver;  // bridge, host, null (also of what is only a configuration)
  TimePoint created;
  bool internal = false, attachable = false;
  std::map<std::string, std::string> labels, options, ipam_options;
  std::string subnet, ip_range, gateway;         // "172.18.0.0/16", "", "172.18.0.1"
  std::map<std::string, std::string> auxiliary;  // name -> address that nobody is given
  std::string bridge;                            // the name of its link
  bool subnet_chosen = false;  // by the user: then containers may ask for addresses of it
  bool predefined = false;
  bool ipv6 = false;
  Ipv6Range six;
  bool config_only = false;  // a template for others, nothing else
  std::string config_from;   // the name of the one that this network was made of

  bool is_bridge() const { return driver == "bridge"; }
  // Containers find each other by name on these only.
  bool has_names() const { return is_bridge() && !predefined; }
};

class Networks {
 public:
  // bridge and cidr: of the predefined network "bridge".
  Networks(store::Store& store, Clock& clock, Events& events, Dataplane& plane,
           const std::string& bridge, const std::string& cidr);

  // id, created, bridge and what is empty of driver, subnet and gateway are filled in. Throws
  // Error(conflict) when the name is taken, others when a wish cannot be met.
  NetworkInfo create(NetworkInfo wanted);
  // By name, id or unambiguous start of an id. Throws Error(not_found) "network X not found".
  NetworkInfo get(const std::string& name_or_id) const;
  std::optional<NetworkInfo> find(const std::string& name_or_id) const;
  std::vector<NetworkInfo> list() const;
  // Throws Error(forbidden) for predefined ones and while containers are on it (who: their names).
  void remove(const std::string& id, const std::string& who);

  // After a start of the daemon: tells the data plane what exists.
  void restore();

 private:
  void publish(const NetworkInfo& network, const char* action);
  NetworkInfo complete(NetworkInfo wanted) const;
  void choose_subnet_for(NetworkInfo& wanted) const;
  void choose_subnet6_for(NetworkInfo& wanted) const;
  void take_configuration(NetworkInfo& wanted) const;

  store::Store& store_;
  Clock& clock_;
  Events& events_;
  Dataplane& plane_;
  std::vector<NetworkInfo> predefined_;
  std::mutex change_;  // one create or remove at a time
};

// The id of a predefined network is made of its name.
std::string predefined_network_id(const std::string& name);

// Checks what can be wrong about a wish by itself. Pure; public for tests.
void check_network(const NetworkInfo& wanted);
void check_ipv6(const NetworkInfo& wanted);  // its part of that; networks_ipv6.cc
// "true"/"false"/1/0 of an option; throws Error(invalid_argument).
bool option_flag(const NetworkInfo& network, const std::string& name, bool fallback);
std::string option_text(const NetworkInfo& network, const std::string& name);

inline constexpr const char* option_bridge_name = "com.docker.network.bridge.name";
inline constexpr const char* option_icc = "com.docker.network.bridge.enable_icc";
inline constexpr const char* option_masquerade = "com.docker.network.bridge.enable_ip_masquerade";
inline constexpr const char* option_host_binding = "com.docker.network.bridge.host_binding_ipv4";
inline constexpr const char* option_mtu = "com.docker.network.driver.mtu";
inline constexpr const char* option_prefix = "com.docker.network.container_iface_prefix";

}  // namespace slipway::container
