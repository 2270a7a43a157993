// Network links, addresses and routes over rtnetlink. (Not "netlink.h": the kernel's own
// <linux/netlink.h> would be shadowed.) A Links speaks for the namespace in which it was made.
// One Links may be used by one thread at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::linux {

struct Link {
  int index = 0, master = 0;
  std::string name, kind;  // kind: bridge, veth, ... ("" for others)
  std::string mac;         // "02:42:ac:11:00:02"
  int mtu = 0;
  bool up = false;
};

struct Veth {
  std::string name{};       // our end
  std::string peer_name{};  // the other end, as it is called where it lives
  int peer_netns = -1;      // a namespace descriptor; -1: here
  std::string peer_mac{};
  int mtu = 0;
  std::string master{};  // the bridge that our end is a port of
  bool up = false;       // our end
};

class Links {
 public:
  Links();                                        // the calling thread's namespace
  explicit Links(const std::string& netns_path);  // a pinned namespace
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  std::optional<Link> find(const std::string& name);
  std::vector<Link> list(std::string_view name_prefix = {});
  // These two return false when a link of that name exists already.
  bool add_bridge(const std::string& name, const std::string& mac = {});
  bool add_veth(const Veth& veth);
  bool add_dummy(const std::string& name);
  bool remove(const std::string& name);  // false: absent

  void set_up(const std::string& name, bool up = true);
  void rename(const std::string& name, const std::string& to);
  void set_mac(const std::string& name, const std::string& mac);
  void set_mtu(const std::string& name, int mtu);
  void set_master(const std::string& name, const std::string& bridge);  // "" takes it out
  void move_to(const std::string& name, int netns_fd);
  // Port of a bridge: whether a packet may go back out of the port it came from.
  void set_hairpin(const std::string& name, bool on);
  // Ports of a bridge that are isolated do not reach each other.
  void set_isolated(const std::string& name, bool on);

  // "10.0.1.5/24" (IPv4 or IPv6). False when it is there already.
  bool add_address(const std::string& name, const std::string& cidr);
  bool remove_address(const std::string& name, const std::string& cidr);
  std::vector<std::string> addresses(const std::string& name);  // "10.0.1.5/24"

  struct Route {
    std::string destination{};  // "10.0.0.0/16", "default"
    std::string via{};          // gateway; empty: on link
    std::string device{};       // may be empty with via
    bool blackhole = false;
    uint32_t metric = 0;
  };
  bool add_route(const Route& route);     // false: there already
  bool remove_route(const Route& route);  // false: absent
  // Where this machine's routes lead ("10.0.0.0/16"), default routes left out. IPv4 or IPv6.
  std::vector<std::string> route_destinations(bool ipv6 = false);
  // A permanent neighbour (ARP) entry.
  void set_neighbour(const std::string& name, const std::string& ip, const std::string& mac);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Address arithmetic, IPv4. Throws Error(invalid_argument) on malformed text.
struct Cidr4 {
  uint32_t network = 0;  // host order, host bits cleared
  int prefix = 0;
  static Cidr4 parse(std::string_view text);
  std::string text() const;
  std::string host(uint32_t n) const;  // the n-th address: host(1) of 10.0.0.0/24 is 10.0.0.1
  bool contains(uint32_t address) const;
};
uint32_t parse_ipv4(std::string_view text);  // host order
std::string ipv4_text(uint32_t address);

}  // namespace slipway::linux
