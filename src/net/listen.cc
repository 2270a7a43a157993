#include "net/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"

namespace slipway::net {
namespace {

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    throw invalid_argument("socket path is empty or too long: \"{}\"", path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

Fd bind_unix(const std::string& path, unsigned mode) {
  const auto address = unix_address(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  Fd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  if (::connect(fd.get(), generic, sizeof address) == 0 || errno == EAGAIN) {
    throw conflict("somebody is listening on {} already", path);
  }
  struct stat existing {};
  if (::lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) throw conflict("{} exists and is not a socket", path);
    check(::unlink(path.c_str()), "remove stale socket {}", path);
  }
  check(::fchmod(fd.get(), mode), "chmod");  // never wider, not even between bind and chmod
  check(::bind(fd.get(), generic, sizeof address), "listen on {}", path);
  check(::chmod(path.c_str(), mode), "chmod {}", path);
  check(::listen(fd.get(), 512), "listen on {}", path);
  return fd;
}

Fd bind_tcp(const std::string& address, uint16_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto& in = reinterpret_cast<sockaddr_in&>(storage);
  auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (::inet_pton(AF_INET, address.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    size = sizeof in;
  } else if (::inet_pton(AF_INET6, address.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    size = sizeof in6;
  } else {
    throw invalid_argument("\"{}\" is not an IP address", address);
  }
  Fd fd(
      check(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const int on = 1;
  check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt");
  check(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size), "listen on {}:{}",
        address, port);
  check(::listen(fd.get(), 512), "listen on {}:{}", address, port);
  return fd;
}

uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size), "getsockname");
  return storage.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

}  // namespace slipway::net
