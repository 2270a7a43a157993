// Host ports: bound for as long as they are published, so that nobody else takes them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "container/network.h"

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

}  // namespace slipway::container
