// Host ports: bound for as long as they are published, so that nobody else takes them, and led to
// the container by elements of our maps.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "container/network.h"
#include "linux/conntrack.h"
#include "linux/ip6.h"

namespace slipway::container {
namespace {

// An address to bind to, of either family.
struct HostAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  uint16_t& port() {  // of both families at the same place
    return reinterpret_cast<sockaddr_in*>(&storage)->sin_port;
  }
};

HostAddress host_address(const std::string& ip) {
  HostAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    out.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    out.size = sizeof *v6;
  } else {
    throw invalid_argument("cannot publish a port on \"{}\": not an IP address", ip);
  }
  return out;
}

Fd port_socket(const HostAddress& address, const std::string& protocol) {
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
    throw invalid_argument("cannot publish a {} port: tcp, udp and sctp can be", protocol);
  const int family = address.storage.ss_family;
  const int type = (protocol == "udp" ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  Fd socket(::socket(family, type, protocol == "sctp" ? IPPROTO_SCTP : 0));
  if (!socket && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT) && protocol == "sctp")
    throw unavailable(
        "cannot publish an sctp port: this machine's kernel has no SCTP (its module is called "
        "sctp)");
  if (!socket && errno == EAFNOSUPPORT)
    throw unavailable("cannot publish a port on an IPv6 address: this machine has no IPv6");
  check(socket ? 0 : -1, "make a socket");
  if (family != AF_INET6) return socket;
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // It will listen: what is left of its connections must not keep the next one from the port.
  if (protocol == "tcp") ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return socket;
}

// 0, or the errno of bind.
int bind_port(int socket, HostAddress& address, bool listens) {
  if (::bind(socket, address.raw(), address.size) != 0) return errno;
  if (listens && ::listen(socket, 128) != 0) return errno;
  socklen_t size = address.size;
  check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &size), "getsockname");
  return 0;
}

// Whoever sent datagrams to the port before would go on reaching nobody.
void forget_flows(const std::vector<PortBinding>& ports) {
  for (const PortBinding& port : ports) {
    if (port.protocol != "udp") continue;
    try {
      linux::forget_udp_flows(port.host_port, is_ipv6(port));
    } catch (const std::exception& e) {
      log::warning("container", "flows to udp port {}: {}", port.host_port, e.what());
    }
  }
}

struct Reserved {
  PortBinding port;
  Fd fd;
};

// The same port on all addresses of both families.
std::vector<Reserved> reserve_both(const std::string& name, const std::string& id,
                                   PortBinding wanted) {
  constexpr int patience = 32;  // for a random port that somebody has over IPv6
  for (int attempt = 0;; ++attempt) {
    std::vector<Reserved> out;
    PortBinding four = wanted;
    Fd fd = reserve_port(name, id, four);
    PortBinding six = four;
    six.host_ip = "::";
    try {
      Fd fd6 = reserve_port(name, id, six);
      out.push_back({four, std::move(fd)});
      out.push_back({six, std::move(fd6)});
      return out;
    } catch (const Error& e) {
      if (e.kind() != Kind::conflict || attempt == patience) throw;
      if (wanted.host_port == 0) continue;
      if (four.host_port >= wanted.host_port_end) throw;
      wanted.host_port = static_cast<uint16_t>(four.host_port + 1);
    }
  }
}

// What cannot reach a container that has IPv4 alone, or a loopback address.
void check_reachable(const PortBinding& port, bool has_ipv6) {
  if (!is_ipv6(port) || port.protocol == "tcp") return;
  if (!has_ipv6)
    throw unimplemented(
        "publishing {} port {} on {} is not implemented for a container without IPv6: use a "
        "network with --ipv6, or tcp",
        port.protocol, port.container_port, port.host_ip);
  if (linux::Ip6::parse(port.host_ip) == linux::Ip6{0, 1})
    throw unimplemented("publishing {} port {} on ::1 is not implemented: use 127.0.0.1, or tcp",
                        port.protocol, port.container_port);
}

}  // namespace

bool is_ipv6(const PortBinding& port) {
  return port.host_ip.find(':') != std::string::npos;
}

Fd reserve_port(const std::string& name, const std::string& id, PortBinding& port) {
  const std::string ip = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
  HostAddress address = host_address(ip);
  Fd socket = port_socket(address, port.protocol);
  const bool listens = is_ipv6(port) && port.protocol == "tcp";
  const int last = std::max(port.host_port_end, port.host_port);
  int error = EADDRINUSE;
  for (int number = port.host_port; error == EADDRINUSE && number <= last; ++number) {
    address.port() = htons(static_cast<uint16_t>(number));
    // One that was bound but may not listen is of no more use.
    if (listens && number > port.host_port) socket = port_socket(address, port.protocol);
    error = bind_port(socket.get(), address, listens);
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
                            name, id, is_ipv6(port) ? "[" + ip + "]" : ip, asked, reason));
  }
  port.host_port = ntohs(address.port());
  port.host_port_end = 0;
  return socket;
}

RelayTarget Dataplane::target_of(const Member& member) {
  const Placed *four = gateway_of(member), *six = gateway_of(member, true);
  return {four == nullptr ? "" : four->endpoint.ip, six == nullptr ? "" : six->endpoint.ip6};
}

// One transaction: a port is never without its container in between.
void Dataplane::move_ports(const std::string& id, Member& member) {
  const RelayTarget at = target_of(member);
  const RelayTarget before = member.published_at;
  if (at == before) return;
  std::string commands;
  const auto add = [&](const char* verb, const RelayTarget& where, const RelayTarget& other) {
    for (const PortBinding& port : member.ports) {
      const std::string &ip = is_ipv6(port) ? where.ip6 : where.ip,
                        &there = is_ipv6(port) ? other.ip6 : other.ip;
      if (!ip.empty() && ip != there) commands += nft_element(verb, port, ip) + "\n";
    }
  };
  add("delete", before, at);
  add("add", at, before);
  if (!commands.empty()) change_table(commands);
  member.published_at = at;
  relay_.move(id, at);
  if (!at.ip.empty()) forget_flows(member.ports);
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
  const RelayTarget at = target_of(member);
  std::vector<Reserved> bound;
  for (PortBinding port : ports) {
    if (port.host_ip.empty() && binding != "0.0.0.0") port.host_ip = binding;
    check_reachable(port, !at.ip6.empty());
    if (port.host_ip.empty() && !at.ip6.empty()) {
      std::ranges::move(reserve_both(name, id, port), std::back_inserter(bound));
    } else {
      Fd fd = reserve_port(name, id, port);
      bound.push_back({port, std::move(fd)});
    }
  }
  std::string commands;
  std::vector<PortBinding> all;
  for (const Reserved& one : bound) {
    const std::string& ip = is_ipv6(one.port) ? at.ip6 : at.ip;
    if (!ip.empty()) commands += nft_element("add", one.port, ip) + "\n";
    all.push_back(one.port);
  }
  if (!commands.empty()) change_table(commands);
  forget_flows(all);
  member.ports = std::move(all);
  member.published_at = at;
  for (Reserved& one : bound) keep_port(id, member, one.port, std::move(one.fd));
  return member.ports;
}

// A TCP port on IPv6 is accepted from where rules cannot lead it: all of it for a container that
// has IPv4 alone, ::1 for others. Ports on all addresses have that if they can.
void Dataplane::keep_port(const std::string& id, Member& member, const PortBinding& port,
                          Fd reserved) {
  const bool tcp = port.protocol == "tcp";
  if (is_ipv6(port) && tcp) {
    relay_.open(id, std::move(reserved), member.published_at, port.container_port);
    return;
  }
  member.reserved.push_back(std::move(reserved));
  const bool both = std::any_of(member.ports.begin(), member.ports.end(), [&](const auto& other) {
    return is_ipv6(other) && other.protocol == "tcp" && other.host_port == port.host_port;
  });
  if (!port.host_ip.empty() || !tcp || both) return;
  PortBinding six{port.container_port, "tcp", "::", port.host_port, 0};
  try {
    relay_.open(id, reserve_port(id, id, six), member.published_at, port.container_port);
  } catch (const std::exception& e) {
    log::debug("container", "port {} of {} is published over IPv4 alone: {}", port.host_port, id,
               e.what());
  }
}

std::vector<PortBinding> Dataplane::published(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(id);
  if (member == members_.end() || member->second.published_at.ip.empty()) return {};
  return member->second.ports;
}

}  // namespace slipway::container
