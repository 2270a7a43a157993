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

void DnsNames::collect(const Members& members, const Entry& asker, std::string_view name,
                       std::vector<uint32_t>& out) const {
  const auto link = asker.links.find(std::string(name));
  const std::string_view wanted = link == asker.links.end() ? name : std::string_view(link->second);
  for (const auto& [id, entry] : members) {
    const bool fits =
        std::find(entry.names.begin(), entry.names.end(), wanted) != entry.names.end();
    if (fits || id == wanted) out.push_back(entry.ip);
  }
}

std::vector<uint32_t> DnsNames::resolve(const std::string& asker, std::string_view wanted) const {
  const std::string name = to_lower(wanted);
  std::vector<uint32_t> out;
  const std::shared_lock lock(mutex_);
  for (const auto& [id, members] : networks_) {
    const auto self = members.find(asker);
    if (self == members.end()) continue;
    collect(members, self->second, name, out);
    const std::string suffix = "." + to_lower(self->second.network);
    if (name.size() > suffix.size() && name.ends_with(suffix))
      collect(members, self->second, name.substr(0, name.size() - suffix.size()), out);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<std::string> DnsNames::reverse(const std::string& asker, uint32_t ip) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [id, members] : networks_) {
    if (!members.contains(asker)) continue;
    for (const auto& [container, entry] : members) {
      if (entry.ip == ip && !entry.names.empty()) return entry.names[0] + "." + entry.network;
    }
  }
  return std::nullopt;
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
