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

namespace slipway::container {

class DnsNames {
 public:
  struct Entry {
    std::string network;                       // its name
    uint32_t ip = 0;                           // host order
    std::vector<std::string> names;            // the first one is the container's own
    std::map<std::string, std::string> links;  // alias -> container, for this one alone
    bool internal = false;                     // the network leads nowhere
  };
  void put(const std::string& container, const std::string& network_id, Entry entry);
  void erase(const std::string& container, const std::string& network_id);
  void erase(const std::string& container);

  // Addresses of a name ("web", "web.network") for this container; empty: not a name of ours.
  std::vector<uint32_t> resolve(const std::string& asker, std::string_view name) const;
  // "web.network" of an address on one of its networks.
  std::optional<std::string> reverse(const std::string& asker, uint32_t ip) const;
  // Whether any of its networks leads outside.
  bool reaches_outside(const std::string& asker) const;

 private:
  using Members = std::map<std::string, Entry>;  // by container
  void collect(const Members& members, const Entry& asker, std::string_view name,
               std::vector<uint32_t>& out) const;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Members> networks_;  // by id
};

}  // namespace slipway::container
