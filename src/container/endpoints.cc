// Containers on the bridges: their links and addresses. Default routes: network_routes.cc;
// ports: network_ports.cc.
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/ipv6.h"
#include "container/network.h"
#include "linux/netns.h"

namespace slipway::container {
namespace {

std::string mac_of_address(uint32_t address) {
  return fmt::format("02:42:{:02x}:{:02x}:{:02x}:{:02x}", address >> 24, (address >> 16) & 255,
                     (address >> 8) & 255, address & 255);
}

template <typename Pool>
typename Pool::Address take_from(Pool& pool, const std::optional<typename Pool::Address>& wanted) {
  if (!wanted) return pool.take();
  pool.take(*wanted);
  return *wanted;
}

// Addresses of a link, of both families, and what --link-local-ip added.
std::vector<std::string> link_addresses(const Endpoint& endpoint, const EndpointSpec& wanted) {
  std::vector<std::string> out = {fmt::format("{}/{}", endpoint.ip, endpoint.prefix)};
  if (!endpoint.ip6.empty()) out.push_back(fmt::format("{}/{}", endpoint.ip6, endpoint.prefix6));
  for (const std::string& address : wanted.link_local)
    out.push_back(address + (address.find(':') == std::string::npos ? "/16" : "/64"));
  return out;
}

}  // namespace

struct Dataplane::Plug {
  Endpoint endpoint;
  std::string bridge, netns;
  std::vector<std::string> addresses;  // "172.18.0.2/16"
  int mtu = 0;
  bool isolated = false, ipv6 = false;
};

void Dataplane::make_namespace(const std::string& id) {
  linux::create_netns(netns_path(id));
}

void Dataplane::place_ipv6(Bridge& bridge, const EndpointSpec& wanted, Endpoint& endpoint) {
  const NetworkInfo& network = bridge.info;
  std::optional<linux::Ip6> asked;
  if (!wanted.ipv6.empty()) asked = linux::Ip6::parse(wanted.ipv6);
  if (!bridge.pool6) {
    if (!asked) return;
    throw invalid_argument("no configured subnet of network {} contains IP address {}",
                           network.name, wanted.ipv6);
  }
  endpoint.ip6 = take_from(*bridge.pool6, asked).text();
  endpoint.prefix6 = bridge.pool6->subnet().prefix;
  endpoint.gateway6 = network.internal ? "" : network.six.gateway;
}

// "eth0", or the next.
std::string Dataplane::free_interface(const Member& member, const std::string& prefix) {
  for (int n = 0;; ++n) {
    std::string name = (prefix.empty() ? "eth" : prefix) + std::to_string(n);
    const bool taken =
        std::any_of(member.endpoints.begin(), member.endpoints.end(),
                    [&](const auto& e) { return e.second.endpoint.interface == name; });
    if (!taken) return name;
  }
}

Dataplane::Plug Dataplane::place(const std::string& id, const EndpointSpec& wanted) {
  const std::lock_guard lock(mutex_);
  Bridge& bridge = ready_bridge(wanted.network_id);
  const NetworkInfo& network = bridge.info;
  if (const auto known = members_.find(id);
      known != members_.end() && known->second.endpoints.contains(network.id))
    throw forbidden("endpoint of container {} already exists in network {}", id, network.name);
  std::optional<uint32_t> asked;
  if (!wanted.ipv4.empty()) asked = linux::parse_ipv4(wanted.ipv4);
  const uint32_t address = take_from(bridge.pool, asked);
  Plug out;
  Endpoint& endpoint = out.endpoint;
  try {
    place_ipv6(bridge, wanted, endpoint);
  } catch (const std::exception&) {
    bridge.pool.release(address);
    throw;
  }
  endpoint.id = random_hex(64);
  endpoint.network = network.name;
  endpoint.network_id = network.id;
  endpoint.ip = linux::ipv4_text(address);
  endpoint.gateway = network.internal ? "" : network.gateway;
  endpoint.prefix = bridge.subnet.prefix;
  endpoint.mac = wanted.mac.empty() ? mac_of_address(address) : wanted.mac;
  Member& member = members_[id];
  endpoint.interface = free_interface(member, option_text(network, option_prefix));
  member.endpoints[network.id] = {endpoint, wanted.gateway_priority, network.internal, false};
  out.bridge = network.bridge;
  out.netns = netns_path(id);
  out.addresses = link_addresses(endpoint, wanted);
  out.ipv6 = std::any_of(out.addresses.begin(), out.addresses.end(),
                         [](auto& a) { return a.find(':') != std::string::npos; });
  if (const auto mtu = parse_uint(option_text(network, option_mtu)); mtu && *mtu != 1500)
    out.mtu = static_cast<int>(*mtu);
  out.isolated = !option_flag(network, option_icc, true);
  return out;
}

void Dataplane::plug(const Plug& plug) {
  const Endpoint& endpoint = plug.endpoint;
  const std::string ours = host_link(endpoint.id);
  const Fd netns = linux::open_netns(plug.netns);
  linux::Veth veth;
  veth.name = ours;
  veth.peer_name = endpoint.interface;
  veth.peer_netns = netns.get();
  veth.peer_mac = endpoint.mac;
  veth.mtu = plug.mtu;
  veth.master = plug.bridge;
  veth.up = true;
  linux::Links outside;
  if (!outside.add_veth(veth)) {  // of an attempt that was cut short
    outside.remove(ours);
    if (!outside.add_veth(veth)) throw conflict("network link {} exists already", ours);
  }
  // A container reaching itself by its published port: where bridged packets pass the firewall
  // (br_netfilter), they go back out of the port they came from.
  outside.set_hairpin(ours, true);
  if (plug.isolated) outside.set_isolated(ours, true);
  linux::Links inside(plug.netns);
  if (plug.ipv6) linux::in_netns(netns.get(), [&] { deaf_to_routers(endpoint.interface); });
  for (const std::string& address : plug.addresses) inside.add_address(endpoint.interface, address);
  inside.set_up(endpoint.interface);
}

Endpoint Dataplane::attach(const std::string& id, const EndpointSpec& wanted) {
  const Plug made = place(id, wanted);
  try {
    try {
      plug(made);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_found) throw;
      make_again(wanted.network_id);
      plug(made);
    }
  } catch (const std::exception&) {
    detach(id, wanted.network_id);
    throw;
  }
  return made.endpoint;
}

void Dataplane::forget(const std::string& id, const std::string& network_id) {
  const auto member = members_.find(id);
  if (member == members_.end()) return;
  const auto placed = member->second.endpoints.find(network_id);
  if (placed == member->second.endpoints.end()) return;
  const Endpoint& endpoint = placed->second.endpoint;
  if (const auto bridge = bridges_.find(network_id); bridge != bridges_.end()) {
    bridge->second.pool.release(linux::parse_ipv4(endpoint.ip));
    if (bridge->second.pool6 && !endpoint.ip6.empty())
      bridge->second.pool6->release(linux::Ip6::parse(endpoint.ip6));
  }
  member->second.endpoints.erase(placed);
}

void Dataplane::detach(const std::string& id, const std::string& network_id) {
  std::string link;
  {
    const std::lock_guard lock(mutex_);
    const auto member = members_.find(id);
    if (member == members_.end()) return;
    const auto placed = member->second.endpoints.find(network_id);
    if (placed == member->second.endpoints.end()) return;
    placed->second.leaving = true;
    link = host_link(placed->second.endpoint.id);
  }
  // The kernel takes its time to bury a link: not under the lock. Its address is not given to
  // anybody else before that.
  linux::Links().remove(link);
  const std::lock_guard lock(mutex_);
  forget(id, network_id);
}

std::vector<Endpoint> Dataplane::release(const std::string& id) {
  std::vector<Endpoint> gone;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = members_.find(id); found != members_.end()) {
      Member& member = found->second;
      for (auto& [network, placed] : member.endpoints) {
        placed.leaving = true;
        gone.push_back(placed.endpoint);
      }
      try {
        move_ports(id, member);
      } catch (const std::exception& e) {
        log::warning("container", "unpublish the ports of {}: {}", id, e.what());
      }
      relay_.close(id);
      member.ports.clear();
      member.reserved.clear();
    }
  }
  // Removing a link takes the kernel twenty milliseconds, during which nobody else can change any.
  // Down, it does not answer for its address any more; it ends with its namespace, in the
  // background.
  linux::Links links;
  for (const Endpoint& endpoint : gone) {
    try {
      links.set_up(host_link(endpoint.id), false);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_found) log::warning("container", "{}", e.what());
    }
  }
  linux::delete_netns(netns_path(id));
  const std::lock_guard lock(mutex_);
  for (const Endpoint& endpoint : gone) forget(id, endpoint.network_id);
  members_.erase(id);
  return gone;
}

void Dataplane::adopt(const Info& info) {
  const std::lock_guard lock(mutex_);
  Member& member = members_[info.id];
  for (const Endpoint& endpoint : info.endpoints) {
    const auto bridge = bridges_.find(endpoint.network_id);
    if (bridge == bridges_.end()) continue;
    Placed placed{endpoint, 0, bridge->second.info.internal, false};
    for (const EndpointSpec& spec : info.spec.networks) {
      if (spec.network_id == endpoint.network_id) placed.priority = spec.gateway_priority;
    }
    try {
      bridge->second.pool.take(linux::parse_ipv4(endpoint.ip));
      if (bridge->second.pool6 && !endpoint.ip6.empty())
        bridge->second.pool6->take(linux::Ip6::parse(endpoint.ip6));
    } catch (const std::exception& e) {
      log::warning("container", "address of {} on {}: {}", info.id, endpoint.network, e.what());
    }
    member.endpoints[endpoint.network_id] = std::move(placed);
  }
  const Placed* gateway = gateway_of(member);
  if (gateway == nullptr) return;
  member.routed_by = gateway->endpoint.gateway;
  if (const Placed* six = gateway_of(member, true)) member.routed6_by = six->endpoint.gateway6;
  member.published_at = target_of(member);
  member.ports = info.ports;
  for (PortBinding port : info.ports) {
    try {
      Fd reserved = reserve_port(info.id, info.id, port);
      keep_port(info.id, member, port, std::move(reserved));
    } catch (const std::exception& e) {
      log::warning("container", "reserve port {} of {} again: {}", port.host_port, info.id,
                   e.what());
    }
  }
}

}  // namespace slipway::container
