// The networks' data plane: bridges, a pinned network namespace for each container with a link into
// each network that it is on, and published host ports as entries of nftables maps. A bridge is
// made when first needed. Addresses and ports in use are known from the containers' records (adopt
// after a restart). Thread-safe; calls for one container come one at a time.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "container/engine.h"
#include "container/ipam.h"
#include "container/networks.h"
#include "container/port_relay.h"
#include "linux/links.h"
#include "linux/nft.h"

namespace slipway::container {

class Dataplane {
 public:
  explicit Dataplane(std::string netns_root);

  std::string netns_path(const std::string& id) const { return netns_root_ + "/" + id; }

  // --- networks (bridges) ---
  void add(const NetworkInfo& network);  // known from now on
  void make(const std::string& network_id);
  // Throws Error(forbidden) while containers are on it (who: the text that names them).
  void remove(const std::string& network_id, const std::string& who);
  bool in_use(const std::string& network_id) const;

  // --- containers (endpoints.cc) ---
  void make_namespace(const std::string& id);  // loopback only
  // A link into the network; all or nothing. Throws Error(conflict) when the address is taken.
  Endpoint attach(const std::string& id, const EndpointSpec& wanted);
  void detach(const std::string& id, const std::string& network_id);
  // The default route leads through the endpoint that has it now, and so do published ports.
  void settle(const std::string& id);
  // Binds the host ports: those on all addresses over IPv6 too, where the container has that. name:
  // for error texts. Throws Error(conflict) "... port is already allocated". Returns what was
  // bound: nothing when no network of the container leads outside.
  std::vector<PortBinding> publish(const std::string& id, const std::string& name,
                                   const std::vector<PortBinding>& ports);
  std::vector<PortBinding> published(const std::string& id) const;
  std::string default_gateway(const std::string& id) const;  // empty: none
  // Undoes all of it; absent is fine. Returns where the container was.
  std::vector<Endpoint> release(const std::string& id);

  // A running container of an earlier daemon; before restore().
  void adopt(const Info& info);
  // Puts rules right for what was adopted; removes namespaces and links of nobody (keep: ids).
  void restore(const std::set<std::string>& keep);
  void tear_down();

 private:
  struct Bridge {
    NetworkInfo info;
    linux::Cidr4 subnet;
    AddressPool pool;
    std::optional<AddressPool6> pool6;
    bool ready = false;
  };
  struct Placed {
    Endpoint endpoint;
    int priority = 0;
    bool internal = false, leaving = false;
  };
  struct Member {
    std::map<std::string, Placed> endpoints;  // by network id
    std::vector<PortBinding> ports;           // with host ports chosen
    std::vector<Fd> reserved;                 // bound, never listening: keeps them ours
    RelayTarget published_at;                 // addresses of the endpoints that lead outside
    std::string routed_by, routed6_by;        // addresses of the gateways
  };
  struct Plug;  // what is needed to make a link, copied out of the lock

  Bridge& ready_bridge(const std::string& network_id);
  void make_bridge(Bridge& bridge);
  void ensure_table();
  // Commands on our table; made anew when somebody flushed all rules.
  void change_table(const std::string& commands);
  std::string whole_table() const;   // of both families, IPv6's where a network has that
  std::string whole_table6() const;  // all that IPv6 needs
  bool wants_table6() const;
  linux::Nft& nft();
  Plug place(const std::string& id, const EndpointSpec& wanted);
  static std::string free_interface(const Member& member, const std::string& prefix);
  static void place_ipv6(Bridge& bridge, const EndpointSpec& wanted, Endpoint& endpoint);
  void plug(const Plug& plug);
  void make_again(const std::string& network_id);
  static const Placed* gateway_of(const Member& member, bool ipv6 = false);
  static RelayTarget target_of(const Member& member);
  void move_ports(const std::string& id, Member& member);
  void keep_port(const std::string& id, Member& member, const PortBinding& port, Fd reserved);
  void forget(const std::string& id, const std::string& network_id);
  void remove_strays(const std::set<std::string>& keep);
  void remove_links(const std::set<std::string>& but);

  const std::string netns_root_;
  mutable std::mutex mutex_;  // guards what follows; bridges are made under it, links are not
  bool table_ready_ = false, table6_ready_ = false;
  std::map<std::string, Bridge> bridges_;  // by network id
  std::map<std::string, Member> members_;  // by container
  std::unique_ptr<linux::Nft> nft_;
  PortRelay relay_;  // IPv6
};

// "sw-" and the start of the endpoint's id: the host's end of a container's link.
std::string host_link(const std::string& endpoint_id);

// Binds what was asked for, choosing the port where that is open. A TCP port on IPv6 listens, for
// the relay; others only keep the port. network_ports.cc
Fd reserve_port(const std::string& name, const std::string& id, PortBinding& port);
bool is_ipv6(const PortBinding& port);  // bound on an IPv6 address

// The commands that (re)make our table; then those that put a bridge's or a port's elements into
// its sets and maps, or take them out. Pure. network_text.cc
std::string nft_table(const std::vector<std::string>& commands);
std::string nft_bridge(const char* verb, const NetworkInfo& network);
// "add element ip slipway ports_any { tcp . 8080 : 172.29.0.2 . 80 }"
std::string nft_element(const char* verb, const PortBinding& port, const std::string& ip);
// The same for IPv6. Networks without it have elements too: nothing is forwarded to them.
std::string nft_table6(const std::vector<std::string>& commands);
std::string nft_bridge6(const char* verb, const NetworkInfo& network);

// Texts of the files under /etc. extra_hosts: "name:ip", ip may be "host-gateway".
std::string hosts_text(const std::string& ip, const std::string& hostname,
                       const std::string& domainname, const std::vector<std::string>& extra_hosts,
                       const std::string& gateway);
// dns/search given: those; else the host's file without name servers on loopback, which a container
// could not reach (own_network).
std::string resolv_text(const Spec& spec, const std::string& host_text, bool own_network);
// For containers that ask our own name server (dns_server.h).
std::string embedded_resolv_text(const Spec& spec, const std::string& host_text);

}  // namespace slipway::container
