// Bridges and their rules. The containers on them are in endpoints.cc.
#include "container/network.h"

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "linux/caps.h"
#include "linux/netns.h"

namespace slipway::container {
namespace {

std::string mac_of_gateway(const std::string& ip) {
  const uint32_t address = linux::parse_ipv4(ip);
  return fmt::format("02:42:{:02x}:{:02x}:{:02x}:{:02x}", address >> 24, (address >> 16) & 255,
                     (address >> 8) & 255, address & 255);
}

std::set<uint32_t> reserved_addresses(const NetworkInfo& network) {
  std::set<uint32_t> out = {linux::parse_ipv4(network.gateway)};
  for (const auto& [name, address] : network.auxiliary) out.insert(linux::parse_ipv4(address));
  return out;
}

}  // namespace

std::string host_link(const std::string& endpoint_id) {
  return "sw-" + endpoint_id.substr(0, 11);
}

Dataplane::Dataplane(std::string netns_root) : netns_root_(std::move(netns_root)) {}

linux::Nft& Dataplane::nft() {
  if (!nft_) nft_ = std::make_unique<linux::Nft>();
  return *nft_;
}

void Dataplane::add(const NetworkInfo& network) {
  const std::lock_guard lock(mutex_);
  const auto subnet = linux::Cidr4::parse(network.subnet);
  std::optional<linux::Cidr4> range;
  if (!network.ip_range.empty()) range = linux::Cidr4::parse(network.ip_range);
  bridges_.try_emplace(
      network.id,
      Bridge{network, subnet, AddressPool(subnet, range, reserved_addresses(network)), false});
}

void Dataplane::make(const std::string& network_id) {
  const std::lock_guard lock(mutex_);
  ready_bridge(network_id);
}

Dataplane::Bridge& Dataplane::ready_bridge(const std::string& network_id) {
  const auto found = bridges_.find(network_id);
  if (found == bridges_.end()) throw not_found("network {} not found", network_id);
  if (!found->second.ready) make_bridge(found->second);
  return found->second;
}

void Dataplane::make_bridge(Bridge& bridge) {
  const NetworkInfo& info = bridge.info;
  const std::string& name = info.bridge;
  linux::Links links;
  links.add_bridge(name, mac_of_gateway(info.gateway));
  links.add_address(name, fmt::format("{}/{}", info.gateway, bridge.subnet.prefix));
  if (const auto mtu = parse_uint(option_text(info, option_mtu)); mtu && *mtu != 1500)
    links.set_mtu(name, static_cast<int>(*mtu));
  links.set_up(name);
  linux::ensure_sysctl("net/ipv4/ip_forward", "1");
  // A port published on 127.0.0.1 reaches the container from that address.
  if (!info.internal)
    linux::ensure_sysctl(fmt::format("net/ipv4/conf/{}/route_localnet", name), "1");
  bridge.ready = true;
  try {
    if (table_ready_) {
      change_table(nft_bridge("add", info));
    } else {
      ensure_table();
    }
  } catch (const std::exception&) {
    bridge.ready = false;
    throw;
  }
}

std::string Dataplane::whole_table() const {
  std::vector<std::string> commands;
  for (const auto& [id, bridge] : bridges_) {
    if (bridge.ready) commands.push_back(nft_bridge("add", bridge.info));
  }
  for (const auto& [id, member] : members_) {
    if (member.published_at.empty()) continue;
    for (const PortBinding& port : member.ports)
      commands.push_back(nft_element("add", port, member.published_at));
  }
  return nft_table(commands);
}

void Dataplane::ensure_table() {
  if (table_ready_) return;
  nft().run(whole_table());
  table_ready_ = true;
}

void Dataplane::change_table(const std::string& commands) {
  try {
    nft().run(commands);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
    log::warning("container", "the rules of the networks were gone: made again");
    nft().run(whole_table() + commands);
  }
}

// A bridge that somebody removed.
void Dataplane::make_again(const std::string& network_id) {
  const std::lock_guard lock(mutex_);
  const auto found = bridges_.find(network_id);
  if (found == bridges_.end() || linux::Links().find(found->second.info.bridge)) return;
  log::warning("container", "the bridge of network {} was gone: made again",
               found->second.info.name);
  found->second.ready = false;
  table_ready_ = false;
  make_bridge(found->second);
  linux::Links links;
  for (const auto& [id, member] : members_) {
    const auto placed = member.endpoints.find(network_id);
    const std::string link =
        placed == member.endpoints.end() ? "" : host_link(placed->second.endpoint.id);
    if (!link.empty() && links.find(link)) links.set_master(link, found->second.info.bridge);
  }
}

bool Dataplane::in_use(const std::string& network_id) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(members_.begin(), members_.end(), [&](const auto& member) {
    return member.second.endpoints.contains(network_id);
  });
}

void Dataplane::remove(const std::string& network_id, const std::string& who) {
  const std::lock_guard lock(mutex_);
  const auto found = bridges_.find(network_id);
  if (found == bridges_.end()) return;
  for (const auto& [id, member] : members_) {
    if (!member.endpoints.contains(network_id)) continue;
    throw forbidden("error while removing network: network {} has active endpoints{}",
                    found->second.info.name, who.empty() ? "" : " (" + who + ")");
  }
  linux::Links().remove(found->second.info.bridge);
  if (found->second.ready) {
    try {
      change_table(nft_bridge("delete", found->second.info));
    } catch (const std::exception& e) {
      log::warning("container", "rules of network {}: {}", found->second.info.name, e.what());
      table_ready_ = false;
    }
  }
  bridges_.erase(found);
  if (!table_ready_) ensure_table();
}

void Dataplane::remove_strays(const std::set<std::string>& keep) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(netns_root_, error)) {
    const std::string id = entry.path().filename();
    // Only names that are ours to judge: 64 hex digits.
    if (id.size() == 64 && only_alnum_and(id, "") && !keep.contains(id))
      linux::delete_netns(entry.path());
  }
  std::set<std::string> wanted;
  for (const auto& [id, member] : members_) {
    for (const auto& [network, placed] : member.endpoints)
      wanted.insert(host_link(placed.endpoint.id));
  }
  remove_links(wanted);
}

// Ports of our bridges.
void Dataplane::remove_links(const std::set<std::string>& but) {
  linux::Links links;
  std::set<int> ours;
  for (const auto& [id, bridge] : bridges_) {
    if (const auto link = links.find(bridge.info.bridge)) ours.insert(link->index);
  }
  for (const auto& link : links.list("sw-")) {
    if (ours.contains(link.master) && !but.contains(link.name)) links.remove(link.name);
  }
}

void Dataplane::restore(const std::set<std::string>& keep) {
  const std::lock_guard lock(mutex_);
  remove_strays(keep);
  if (members_.empty()) return;
  for (const auto& [id, member] : members_) {
    for (const auto& [network, placed] : member.endpoints) {
      const auto found = bridges_.find(network);
      if (found != bridges_.end() && !found->second.ready) make_bridge(found->second);
    }
  }
  // Once more with all that was adopted: a container may have been started in between.
  table_ready_ = false;
  ensure_table();
}

void Dataplane::tear_down() {
  const std::lock_guard lock(mutex_);
  remove_links({});
  for (const auto& [id, member] : members_) {
    relay_.close(id);
    linux::delete_netns(netns_path(id));
  }
  members_.clear();
  linux::Links links;
  nft().delete_table("ip", "slipway");
  table_ready_ = false;
  for (auto& [id, bridge] : bridges_) {
    links.remove(bridge.info.bridge);
    bridge.ready = false;
  }
}

}  // namespace slipway::container
