// Pinned network namespaces.
#include "linux/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "linux/mounts.h"

namespace slipway::linux {
namespace {

constexpr long nsfs_magic = 0x6e736673;

// A thread that has entered a namespace must never serve anything else: it ends with fn.
void on_fresh_thread(const std::function<void()>& fn) {
  std::exception_ptr thrown;
  std::jthread([&] {
    try {
      fn();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void loopback_up() {
  const Fd socket(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  check(::ioctl(socket.get(), SIOCGIFFLAGS, &request), "flags of lo");
  request.ifr_flags |= IFF_UP;
  check(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "set lo up");
}

}  // namespace

bool netns_exists(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == nsfs_magic;
}

bool create_netns(const std::string& path) {
  if (netns_exists(path)) return false;
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) make_directories(path.substr(0, slash));
  open_file(path, O_RDONLY | O_CREAT, 0444);
  on_fresh_thread([&] {
    check(::unshare(CLONE_NEWNET), "make a network namespace");
    loopback_up();
    // Not thread-self: /proc may be of an outer pid namespace's view, a descriptor always works.
    const Fd self = open_file("/proc/thread-self/ns/net", O_RDONLY);
    mount(fmt::format("/proc/thread-self/fd/{}", self.get()), path, "", MS_BIND);
  });
  return true;
}

void delete_netns(const std::string& path) {
  while (netns_exists(path) && unmount(path)) {
  }
  if (::unlink(path.c_str()) == -1 && errno != ENOENT) throw SystemError(errno, "remove " + path);
}

Fd open_netns(const std::string& path) {
  return open_file(path, O_RDONLY);
}

void in_netns(const std::string& path, const std::function<void()>& fn) {
  if (!netns_exists(path)) throw not_found("no network namespace at {}", path);
  const Fd fd = open_netns(path);
  in_netns(fd.get(), fn);
}

void in_netns(int netns_fd, const std::function<void()>& fn) {
  on_fresh_thread([&] {
    check(::setns(netns_fd, CLONE_NEWNET), "enter a network namespace");
    fn();
  });
}

Fd listen_tcp_socket(const std::string& address, uint16_t port, int backlog) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof *v6;
  } else {
    throw invalid_argument("listen: {} is not an IP address", address);
  }
  Fd fd(check(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int on = 1;
  check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  check(::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size), "listen on {} port {}",
        address, port);
  check(::listen(fd.get(), backlog), "listen on {} port {}", address, port);
  return fd;
}

Fd listen_tcp_socket_in(const std::string& netns_path, const std::string& address, uint16_t port) {
  Fd fd;
  in_netns(netns_path, [&] { fd = listen_tcp_socket(address, port); });
  return fd;
}

}  // namespace slipway::linux
