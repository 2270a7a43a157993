// The default bridge network: one bridge, an address and a pinned network namespace for each
// container, and published host ports as entries of nftables maps. Made when first needed.
// Addresses and ports in use are known from the containers' records (adopt after a restart).
// Thread-safe.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "container/engine.h"
#include "linux/links.h"
#include "linux/nft.h"

namespace slipway::container {

class Network {
 public:
  Network(std::string bridge, const std::string& cidr, std::string netns_root);

  std::string netns_path(const std::string& id) const { return netns_root_ + "/" + id; }

  struct Address {
    std::string ip, gateway, mac;
    int prefix = 0;
    std::vector<PortBinding> ports;  // with host ports chosen
  };
  // Makes the namespace (with eth0 on the bridge) and publishes the ports; all or nothing. name:
  // for error texts. Throws Error(conflict) "... port is already allocated".
  Address attach(const std::string& id, const std::string& name,
                 const std::vector<PortBinding>& ports);
  // A namespace with loopback only.
  void attach_none(const std::string& id);
  // Undoes either; absent is fine.
  void detach(const std::string& id);

  // A running container of an earlier daemon; before restore().
  void adopt(const std::string& id, const Address& address);
  // Puts rules right for what was adopted and removes namespaces of nobody (keep: ids).
  void restore(const std::set<std::string>& keep);
  void tear_down();

 private:
  struct Member {
    Address address;
    std::vector<Fd> reserved;  // bound, never listening: keeps the host ports ours
  };
  void ensure_bridge();
  void install_rules();
  uint32_t take_address(const std::string& id);
  void connect(const std::string& id, const Address& address);
  Fd reserve(const std::string& name, const std::string& id, PortBinding& port) const;
  void change_elements(const char* verb, const Address& address);
  linux::Nft& nft();

  const std::string bridge_, netns_root_;
  const linux::Cidr4 subnet_;
  const uint32_t gateway_;
  std::mutex mutex_;  // guards what follows; held across netlink, which does not block
  bool ready_ = false;
  uint32_t cursor_ = 0;
  std::map<uint32_t, std::string> addresses_;  // in use -> container
  std::map<std::string, Member> members_;
  std::unique_ptr<linux::Nft> nft_;
};

// The commands that (re)make our table; elements: of its two maps. Pure.
std::string nft_table(const std::string& bridge, const std::string& subnet,
                      const std::vector<std::string>& commands);
// "add element ip slipway ports_any { tcp . 8080 : 172.29.0.2 . 80 }"
std::string nft_element(const char* verb, const PortBinding& port, const std::string& ip);

// Texts of the files under /etc. extra_hosts: "name:ip", ip may be "host-gateway".
std::string hosts_text(const std::string& ip, const std::string& hostname,
                       const std::string& domainname, const std::vector<std::string>& extra_hosts,
                       const std::string& gateway);
// dns/search given: those; else the host's file without name servers on loopback, which a container
// could not reach (own_network).
std::string resolv_text(const Spec& spec, const std::string& host_text, bool own_network);

}  // namespace slipway::container
