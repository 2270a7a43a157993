// Which container answers to which name, as each container sees it: names live on networks, and a
// container sees those of the networks that it is on. Thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "linux/ip6.h"

namespace slipway::container {

class DnsNames {
 public:
  struct Entry {
    std::string network;                       // its name
    uint32_t ip = 0;                           // host order
    std::vector<std::string> names;            // the first one is the container's own
    std::map<std::string, std::string> links;  // alias -> container, for this one alone
    bool internal = false;                     // the network leads nowhere
    int priority = 0;                          // for the default route
    std::optional<linux::Ip6> ip6{};
  };
  struct Addresses {
    bool known = false;  // a name of ours, even if without an address of the family asked for
    std::vector<uint32_t> ip;
    std::vector<linux::Ip6> ip6;
  };
  void put(const std::string& container, const std::string& network_id, Entry entry);
  void erase(const std::string& container, const std::string& network_id);
  void erase(const std::string& container);

  // Addresses of a name ("web", "web.network") for this container. A name that is on several of its
  // networks is looked for in the order in which they would have the default route: those that lead
  // outside, by priority, by name. The first that knows it answers, for each family by itself.
  Addresses resolve(const std::string& asker, std::string_view name) const;
  // "web.network" of an address on one of its networks.
  std::optional<std::string> reverse(const std::string& asker, uint32_t ip) const;
  std::optional<std::string> reverse(const std::string& asker, const linux::Ip6& ip) const;
  // Whether any of its networks leads outside.
  bool reaches_outside(const std::string& asker) const;

 private:
  using Members = std::map<std::string, Entry>;  // by container
  struct Seen {                                  // a network that the asker is on
    const Members* members;
    const Entry* self;
  };
  std::vector<Seen> seen_by(const std::string& asker) const;
  template <typename Ip>
  std::optional<std::string> name_of(const std::string& asker, const Ip& ip) const;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Members> networks_;  // by id
};

}  // namespace slipway::container
