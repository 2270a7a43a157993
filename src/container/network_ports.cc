// Host ports: bound for as long as they are published, so that nobody else takes them, and led to
// the container by elements of our maps.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "container/network.h"
#include "linux/conntrack.h"

namespace slipway::container {
namespace {

// 0, or the errno of bind.
int bind_port(int socket, sockaddr_in& address) {
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno;
  socklen_t size = sizeof address;
  check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return 0;
}

// Whoever sent datagrams to the port before would go on reaching nobody.
void forget_flows(const std::vector<PortBinding>& ports) {
  for (const PortBinding& port : ports) {
    if (port.protocol != "udp") continue;
    try {
      linux::forget_udp_flows(port.host_port);
    } catch (const std::exception& e) {
      log::warning("container", "flows to udp port {}: {}", port.host_port, e.what());
    }
  }
}

}  // namespace

Fd reserve_port(const std::string& name, const std::string& id, PortBinding& port) {
  const bool udp = port.protocol == "udp";
  if (!udp && port.protocol != "tcp")
    throw unimplemented("publishing {} ports is not implemented: tcp and udp are", port.protocol);
  const bool any = port.host_ip.empty() || port.host_ip == "0.0.0.0" || port.host_ip == "::";
  const std::string ip = any ? "0.0.0.0" : port.host_ip;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1)
    throw unimplemented("publishing a port on {} is not implemented: only IPv4 addresses", ip);
  Fd socket(check(::socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0),
                  "make a socket"));
  const int last = std::max(port.host_port_end, port.host_port);
  int error = EADDRINUSE;
  for (int number = port.host_port; error == EADDRINUSE && number <= last; ++number) {
    address.sin_port = htons(static_cast<uint16_t>(number));
    error = bind_port(socket.get(), address);
  }
  if (error != 0) {
    const std::string asked = last > port.host_port ? fmt::format("{}-{}", port.host_port, last)
                                                    : std::to_string(port.host_port);
    const std::string reason = error != EADDRINUSE     ? std::string(strerror(error))
                               : last > port.host_port ? "all ports are allocated"
                                                       : "port is already allocated";
    throw Error(error == EADDRINUSE ? Kind::conflict : kind_of_errno(error),
                fmt::format("failed to set up container networking: driver failed programming "
                            "external connectivity on endpoint {} ({}): Bind for {}:{} failed: {}",
                            name, id, ip, asked, reason));
  }
  port.host_port = ntohs(address.sin_port);
  port.host_port_end = 0;
  return socket;
}

// One transaction: a port is never without its container in between.
void Dataplane::move_ports(const std::string& id, Member& member) {
  const Placed* gateway = gateway_of(member);
  const std::string at = gateway == nullptr ? "" : gateway->endpoint.ip;
  if (at == member.published_at) return;
  std::string commands;
  for (const PortBinding& port : member.ports) {
    if (!member.published_at.empty())
      commands += nft_element("delete", port, member.published_at) + "\n";
  }
  for (const PortBinding& port : member.ports) {
    if (!at.empty()) commands += nft_element("add", port, at) + "\n";
  }
  if (!commands.empty()) change_table(commands);
  member.published_at = at;
  relay_.move(id, at);
  if (!at.empty()) forget_flows(member.ports);
}

std::vector<PortBinding> Dataplane::publish(const std::string& id, const std::string& name,
                                            const std::vector<PortBinding>& ports) {
  if (ports.empty()) return {};
  const std::lock_guard lock(mutex_);
  Member& member = members_[id];
  const Placed* gateway = gateway_of(member);
  if (gateway == nullptr || !member.ports.empty()) return member.ports;
  std::string binding;
  if (const auto bridge = bridges_.find(gateway->endpoint.network_id); bridge != bridges_.end())
    binding = option_text(bridge->second.info, option_host_binding);
  std::vector<PortBinding> bound = ports;
  std::vector<Fd> reserved;
  std::string commands;
  for (PortBinding& port : bound) {
    if (port.host_ip.empty() && binding != "0.0.0.0") port.host_ip = binding;
    reserved.push_back(reserve_port(name, id, port));
    commands += nft_element("add", port, gateway->endpoint.ip) + "\n";
  }
  change_table(commands);
  forget_flows(bound);
  member.ports = std::move(bound);
  member.reserved = std::move(reserved);
  member.published_at = gateway->endpoint.ip;
  relay(id, member);
  return member.ports;
}

void Dataplane::relay(const std::string& id, const Member& member) {
  for (const PortBinding& port : member.ports) {
    const bool any = port.host_ip.empty() || port.host_ip == "0.0.0.0" || port.host_ip == "::";
    if (!any || port.protocol != "tcp") continue;
    if (!relay_.open(id, port.host_port, member.published_at, port.container_port))
      log::debug("container", "port {} of {} is published over IPv4 alone", port.host_port, id);
  }
}

std::vector<PortBinding> Dataplane::published(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(id);
  if (member == members_.end() || member->second.published_at.empty()) return {};
  return member->second.ports;
}

}  // namespace slipway::container
