#include "container/dns_names.h"

#include <mutex>

#include "base/strings.h"

namespace slipway::container {

void DnsNames::put(const std::string& container, const std::string& network_id, Entry entry) {
  for (auto& name : entry.names) name = to_lower(name);
  std::map<std::string, std::string> links;
  for (const auto& [alias, target] : entry.links) links[to_lower(alias)] = to_lower(target);
  entry.links = std::move(links);
  const std::unique_lock lock(mutex_);
  networks_[network_id][container] = std::move(entry);
}

void DnsNames::erase(const std::string& container, const std::string& network_id) {
  const std::unique_lock lock(mutex_);
  const auto network = networks_.find(network_id);
  if (network == networks_.end()) return;
  network->second.erase(container);
  if (network->second.empty()) networks_.erase(network);
}

void DnsNames::erase(const std::string& container) {
  const std::unique_lock lock(mutex_);
  for (auto& [id, members] : networks_) members.erase(container);
  std::erase_if(networks_, [](const auto& network) { return network.second.empty(); });
}

// As they would have the default route.
std::vector<DnsNames::Seen> DnsNames::seen_by(const std::string& asker) const {
  std::vector<Seen> out;
  for (const auto& [id, members] : networks_) {
    if (const auto self = members.find(asker); self != members.end())
      out.push_back({&members, &self->second});
  }
  std::sort(out.begin(), out.end(), [](const Seen& a, const Seen& b) {
    const auto order = [](const Entry& e) { return std::tie(e.internal, e.network); };
    if (a.self->internal == b.self->internal && a.self->priority != b.self->priority)
      return a.self->priority > b.self->priority;
    return order(*a.self) < order(*b.self);
  });
  return out;
}

DnsNames::Addresses DnsNames::resolve(const std::string& asker, std::string_view wanted) const {
  const std::string name = to_lower(wanted);
  Addresses out;
  const std::shared_lock lock(mutex_);
  const auto networks = seen_by(asker);
  // A name with dots may be a name, or one with the network's behind it.
  const auto look_in = [&](const Seen& network, std::string_view plain) {
    const auto link = network.self->links.find(std::string(plain));
    const std::string_view target = link == network.self->links.end() ? plain : link->second;
    Addresses found;
    for (const auto& [id, entry] : *network.members) {
      const auto& names = entry.names;
      if (id != target && std::find(names.begin(), names.end(), target) == names.end()) continue;
      found.known = true;
      found.ip.push_back(entry.ip);
      if (entry.ip6) found.ip6.push_back(*entry.ip6);
    }
    out.known = out.known || found.known;
    if (out.ip.empty()) out.ip = std::move(found.ip);
    if (out.ip6.empty()) out.ip6 = std::move(found.ip6);
  };
  for (const Seen& network : networks) look_in(network, name);
  for (const Seen& network : networks) {
    const std::string suffix = "." + to_lower(network.self->network);
    if (out.known || name.size() <= suffix.size() || !name.ends_with(suffix)) continue;
    look_in(network, std::string_view(name).substr(0, name.size() - suffix.size()));
  }
  return out;
}

template <typename Ip>
std::optional<std::string> DnsNames::name_of(const std::string& asker, const Ip& ip) const {
  const std::shared_lock lock(mutex_);
  for (const Seen& network : seen_by(asker)) {
    for (const auto& [container, entry] : *network.members) {
      bool same = false;
      if constexpr (std::is_same_v<Ip, uint32_t>) {
        same = entry.ip == ip;
      } else {
        same = entry.ip6 == ip;
      }
      if (same && !entry.names.empty()) return entry.names[0] + "." + entry.network;
    }
  }
  return std::nullopt;
}

std::optional<std::string> DnsNames::reverse(const std::string& asker, uint32_t ip) const {
  return name_of(asker, ip);
}

std::optional<std::string> DnsNames::reverse(const std::string& asker, const linux::Ip6& ip) const {
  return name_of(asker, ip);
}

bool DnsNames::reaches_outside(const std::string& asker) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [id, members] : networks_) {
    const auto self = members.find(asker);
    if (self != members.end() && !self->second.internal) return true;
  }
  return false;
}

}  // namespace slipway::container
