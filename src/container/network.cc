#include "container/network.h"

#include <arpa/inet.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "linux/caps.h"
#include "linux/netns.h"

namespace slipway::container {
namespace {

std::string host_end(const std::string& id) {
  return "sw-" + id.substr(0, 11);
}

std::string mac_of(uint32_t address) {
  return fmt::format("02:42:{:02x}:{:02x}:{:02x}:{:02x}", address >> 24, (address >> 16) & 255,
                     (address >> 8) & 255, address & 255);
}

bool any_address(const std::string& ip) {
  return ip.empty() || ip == "0.0.0.0" || ip == "::";
}

}  // namespace

Network::Network(std::string bridge, const std::string& cidr, std::string netns_root)
    : bridge_(std::move(bridge)),
      netns_root_(std::move(netns_root)),
      subnet_(linux::Cidr4::parse(cidr)),
      gateway_(linux::parse_ipv4(split_once(cidr, '/').first)) {}

linux::Nft& Network::nft() {
  if (!nft_) nft_ = std::make_unique<linux::Nft>();
  return *nft_;
}

void Network::ensure_bridge() {
  if (ready_) return;
  linux::Links links;
  links.add_bridge(bridge_, mac_of(gateway_));
  links.add_address(bridge_, fmt::format("{}/{}", linux::ipv4_text(gateway_), subnet_.prefix));
  links.set_up(bridge_);
  linux::ensure_sysctl("net/ipv4/ip_forward", "1");
  // A port published on 127.0.0.1 reaches the container from that address.
  linux::ensure_sysctl(fmt::format("net/ipv4/conf/{}/route_localnet", bridge_), "1");
  install_rules();
  ready_ = true;
}

void Network::install_rules() {
  std::vector<std::string> elements;
  for (const auto& [id, member] : members_) {
    for (const PortBinding& port : member.address.ports)
      elements.push_back(nft_element("add", port, member.address.ip));
  }
  nft().run(nft_table(bridge_, subnet_.text(), elements));
}

uint32_t Network::take_address(const std::string& id) {
  const uint32_t count = subnet_.prefix >= 31 ? 0 : (1u << (32 - subnet_.prefix)) - 2;
  for (uint32_t tried = 0; tried < count; ++tried) {
    cursor_ = cursor_ % count + 1;  // 1..count: neither the network's nor the broadcast address
    const uint32_t address = subnet_.network + cursor_;
    if (address == gateway_ || addresses_.contains(address)) continue;
    addresses_[address] = id;
    return address;
  }
  throw unavailable("no available IPv4 addresses in the network's pool {}", subnet_.text());
}

void Network::connect(const std::string& id, const Address& address) {
  const std::string ours = host_end(id), path = netns_path(id);
  linux::create_netns(path);
  const Fd netns = linux::open_netns(path);
  linux::Links outside;
  outside.remove(ours);  // of an attempt that was cut short
  linux::Veth veth;
  veth.name = ours;
  veth.peer_name = "eth0";
  veth.peer_netns = netns.get();
  veth.peer_mac = address.mac;
  outside.add_veth(veth);
  outside.set_master(ours, bridge_);
  outside.set_hairpin(ours, true);  // a container reaching itself by its published port
  outside.set_up(ours);
  linux::Links inside(path);
  inside.add_address("eth0", fmt::format("{}/{}", address.ip, address.prefix));
  inside.set_up("eth0");
  inside.add_route({.destination = "default", .via = address.gateway});
}

Fd Network::reserve(const std::string& name, const std::string& id, PortBinding& port) const {
  const bool udp = port.protocol == "udp";
  if (!udp && port.protocol != "tcp")
    throw unimplemented("publishing {} ports is not implemented", port.protocol);
  const std::string ip = any_address(port.host_ip) ? "0.0.0.0" : port.host_ip;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.host_port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1)
    throw unimplemented("publishing a port on {} is not implemented: only IPv4 addresses", ip);
  Fd socket(check(::socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0),
                  "make a socket"));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    const std::string reason =
        error == EADDRINUSE ? "port is already allocated" : std::string(strerror(error));
    throw Error(error == EADDRINUSE ? Kind::conflict : kind_of_errno(error),
                fmt::format("failed to set up container networking: driver failed programming "
                            "external connectivity on endpoint {} ({}): Bind for {}:{} failed: {}",
                            name, id, ip, port.host_port, reason));
  }
  socklen_t size = sizeof address;
  check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  port.host_port = ntohs(address.sin_port);
  return socket;
}

void Network::change_elements(const char* verb, const Address& address) {
  std::string commands;
  for (const PortBinding& port : address.ports)
    commands += nft_element(verb, port, address.ip) + "\n";
  if (!commands.empty()) nft().run(commands);
}

Network::Address Network::attach(const std::string& id, const std::string& name,
                                 const std::vector<PortBinding>& ports) {
  const std::lock_guard lock(mutex_);
  ensure_bridge();
  if (members_.contains(id)) throw conflict("container {} is on the network already", id);
  Member& member = members_[id];
  try {
    const uint32_t ip = take_address(id);
    Address& address = member.address;
    address.ip = linux::ipv4_text(ip);
    address.gateway = linux::ipv4_text(gateway_);
    address.prefix = subnet_.prefix;
    address.mac = mac_of(ip);
    std::vector<PortBinding> bound = ports;
    for (PortBinding& port : bound) member.reserved.push_back(reserve(name, id, port));
    connect(id, address);
    address.ports = std::move(bound);
    try {
      change_elements("add", address);
    } catch (const std::exception&) {
      address.ports.clear();  // none of them was added
      throw;
    }
    return address;
  } catch (...) {
    linux::Links().remove(host_end(id));
    linux::delete_netns(netns_path(id));
    std::erase_if(addresses_, [&](const auto& entry) { return entry.second == id; });
    members_.erase(id);
    throw;
  }
}

void Network::attach_none(const std::string& id) {
  linux::create_netns(netns_path(id));
}

void Network::detach(const std::string& id) {
  Member member;
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = members_.find(id);
    if (found != members_.end()) {
      known = true;
      member = std::move(found->second);
      members_.erase(found);
      try {
        change_elements("delete", member.address);
      } catch (const std::exception& e) {
        log::warning("container", "unpublish the ports of {}: {}", id, e.what());
      }
    }
  }
  // The kernel takes its time to bury a link: not under the lock.
  if (known) linux::Links().remove(host_end(id));
  linux::delete_netns(netns_path(id));
  const std::lock_guard lock(mutex_);
  std::erase_if(addresses_, [&](const auto& entry) { return entry.second == id; });
}

void Network::adopt(const std::string& id, const Address& address) {
  const std::lock_guard lock(mutex_);
  if (address.ip.empty()) return;
  Member& member = members_[id];
  member.address = address;
  addresses_[linux::parse_ipv4(address.ip)] = id;
  for (PortBinding port : address.ports) {
    try {
      member.reserved.push_back(reserve(id, id, port));
    } catch (const std::exception& e) {
      log::warning("container", "reserve port {} of {} again: {}", port.host_port, id, e.what());
    }
  }
}

void Network::restore(const std::set<std::string>& keep) {
  const std::lock_guard lock(mutex_);
  if (!members_.empty()) ensure_bridge();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(netns_root_, error)) {
    const std::string id = entry.path().filename();
    // Only names that are ours to judge: 64 hex digits.
    if (id.size() == 64 && only_alnum_and(id, "") && !keep.contains(id)) {
      linux::Links().remove(host_end(id));
      linux::delete_netns(entry.path());
    }
  }
}

void Network::tear_down() {
  const std::lock_guard lock(mutex_);
  linux::Links links;
  for (const auto& [id, member] : members_) {
    links.remove(host_end(id));
    linux::delete_netns(netns_path(id));
  }
  members_.clear();
  addresses_.clear();
  nft().delete_table("ip", "slipway");
  links.remove(bridge_);
  ready_ = false;
}

}  // namespace slipway::container
