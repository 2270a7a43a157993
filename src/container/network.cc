// Bridges and their rules. The containers on them are in endpoints.cc.
#include "container/network.h"

#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/ipv6.h"
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

AddressPool6 pool_of(const Ipv6Range& six) {
  std::set<linux::Ip6> reserved = {linux::Ip6::parse(six.gateway)};
  for (const auto& [name, address] : six.auxiliary) reserved.insert(linux::Ip6::parse(address));
  std::optional<linux::Cidr6> range;
  if (!six.ip_range.empty()) range = linux::Cidr6::parse(six.ip_range);
  return {linux::Cidr6::parse(six.subnet), range, std::move(reserved)};
}

// The bridge's own side of IPv6. Nobody on a bridge tells this machine where its routes lead.
void set_up_ipv6(linux::Links& links, const NetworkInfo& network) {
  if (!network.ipv6) return without_ipv6(network.bridge);
  if (const auto reason = why_no_ipv6(); !reason.empty())
    throw unavailable("network {} cannot have IPv6: {}", network.name, reason);
  deaf_to_routers(network.bridge);
  links.add_address(network.bridge, fmt::format("{}/{}", network.six.gateway,
                                                linux::Cidr6::parse(network.six.subnet).prefix));
  if (!network.internal) forward_ipv6();
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
  Bridge bridge{network, subnet, AddressPool(subnet, range, reserved_addresses(network)),
                std::nullopt, false};
  if (network.ipv6) bridge.pool6 = pool_of(network.six);
  bridges_.try_emplace(network.id, std::move(bridge));
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
  set_up_ipv6(links, info);
  links.set_up(name);
  linux::ensure_sysctl("net/ipv4/ip_forward", "1");
  // A port published on 127.0.0.1 reaches the container from that address.
  if (!info.internal)
    linux::ensure_sysctl(fmt::format("net/ipv4/conf/{}/route_localnet", name), "1");
  bridge.ready = true;
  try {
    if (table_ready_) {
      std::string commands = nft_bridge("add", info);
      if (table6_ready_) commands += nft_bridge6("add", info);
      if (!table6_ready_ && info.ipv6) commands += whole_table6();
      change_table(commands);
      table6_ready_ = table6_ready_ || info.ipv6;
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
    for (const PortBinding& port : member.ports) {
      if (!is_ipv6(port) && !member.published_at.ip.empty())
        commands.push_back(nft_element("add", port, member.published_at.ip));
    }
  }
  return nft_table(commands) + (wants_table6() ? whole_table6() : "");
}

bool Dataplane::wants_table6() const {
  return std::any_of(bridges_.begin(), bridges_.end(), [](const auto& bridge) {
    return bridge.second.ready && bridge.second.info.ipv6;
  });
}

std::string Dataplane::whole_table6() const {
  std::vector<std::string> commands;
  for (const auto& [id, bridge] : bridges_) {
    if (bridge.ready) commands.push_back(nft_bridge6("add", bridge.info));
  }
  for (const auto& [id, member] : members_) {
    for (const PortBinding& port : member.ports) {
      if (is_ipv6(port) && !member.published_at.ip6.empty())
        commands.push_back(nft_element("add", port, member.published_at.ip6));
    }
  }
  return nft_table6(commands);
}

void Dataplane::ensure_table() {
  if (table_ready_) return;
  nft().run(whole_table());
  table_ready_ = true;
  table6_ready_ = wants_table6();
}

void Dataplane::change_table(const std::string& commands) {
  try {
    nft().run(commands);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
    log::warning("container", "the rules of the networks were gone: made again");
    nft().run(whole_table() + commands);
    table6_ready_ = wants_table6();
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
      change_table(nft_bridge("delete", found->second.info) +
                   (table6_ready_ ? nft_bridge6("delete", found->second.info) : ""));
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
      if (found == bridges_.end() || found->second.ready) continue;
      try {
        make_bridge(found->second);
      } catch (const std::exception& e) {  // one that cannot be any more keeps no other from it
        log::error("container", "network {}: {}", found->second.info.name, e.what());
      }
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
  try {
    nft().delete_table("ip6", "slipway");  // perhaps of an earlier daemon
  } catch (const std::exception& e) {
    log::debug("container", "{}", e.what());  // a kernel without it
  }
  table_ready_ = table6_ready_ = false;
  for (auto& [id, bridge] : bridges_) {
    links.remove(bridge.info.bridge);
    bridge.ready = false;
  }
}

}  // namespace slipway::container
