#include "container/dns_server.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/dns_server_impl.h"
#include "linux/netns.h"
#include "linux/nft.h"

namespace slipway::container {
namespace dns {
namespace {

constexpr auto idle_limit = std::chrono::seconds(10);
constexpr size_t most_connections = 32, most_unsent = 256 * 1024;

struct UdpDoor : Source {
  SeatPtr seat;

  void ready(Loop& loop, uint32_t) override {
    std::array<char, 4096> buffer;
    for (int i = 0; i < 64; ++i) {  // others shall have their turn
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got = ::recvfrom(fd.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) return;
      loop.handle(seat, std::string(buffer.data(), static_cast<size_t>(got)), false,
                  [door = key, from](Loop& inside, std::string message) {
                    const Source* source = inside.find(door);
                    if (source == nullptr) return;
                    ::sendto(source->fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&from), sizeof from);
                  });
    }
  }
};

// A client's connection: messages behind their length, both ways.
struct Connection : Source {
  SeatPtr seat;
  std::string in, out;
  bool ended = false;  // it sends no more
  size_t unanswered = 0;

  ~Connection() override { --seat->connections; }

  void ready(Loop& loop, uint32_t events) override {
    deadline = std::chrono::steady_clock::now() + idle_limit;
    if ((events & EPOLLERR) != 0) return loop.drop(key);
    if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !ended && !take_in()) return loop.drop(key);
    const uint64_t own = key;
    while (loop.find(own) != nullptr && in.size() >= 2) {
      const size_t size = message_id(in);
      if (in.size() < 2 + size) break;
      std::string request = in.substr(2, size);
      in.erase(0, 2 + size);
      ++unanswered;
      loop.handle(seat, std::move(request), true, [own](Loop& inside, std::string message) {
        if (auto* to = dynamic_cast<Connection*>(inside.find(own))) to->answer(inside, message);
      });
    }
    if (loop.find(own) != nullptr) flush(loop);
  }
  void expired(Loop& loop) override { loop.drop(key); }

 private:
  void answer(Loop& loop, const std::string& message) {
    --unanswered;
    std::string length(2, '\0');
    set_message_id(length, static_cast<uint16_t>(message.size()));
    out += length + message;
    if (out.size() > most_unsent) return loop.drop(key);
    flush(loop);
  }
  bool take_in() {
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    ended = got == 0;
    in.append(buffer.data(), static_cast<size_t>(got));
    return in.size() <= 2 * message_limit;
  }
  void flush(Loop& loop) {
    const ssize_t done = out.empty() ? 0 : ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN && errno != EINTR) return loop.drop(key);
    if (done > 0) out.erase(0, static_cast<size_t>(done));
    if (ended && out.empty() && unanswered == 0) return loop.drop(key);
    const uint32_t reading = ended ? 0U : uint32_t{EPOLLIN};
    const uint32_t writing = out.empty() ? 0U : uint32_t{EPOLLOUT};
    loop.watch(*this, reading | writing);
  }
};

struct TcpDoor : Source {
  SeatPtr seat;

  void ready(Loop& loop, uint32_t) override {
    Fd socket(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket || seat->connections >= most_connections) return;
    ++seat->connections;
    auto made = std::make_unique<Connection>();
    made->fd = std::move(socket);
    made->seat = seat;
    made->deadline = std::chrono::steady_clock::now() + idle_limit;
    loop.add(std::move(made), EPOLLIN);
  }
};

Fd open_socket(int type, uint16_t& port) {
  Fd socket(check(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, dns_address, &address.sin_addr);
  check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        "bind to {}", dns_address);
  if (type == SOCK_STREAM) check(::listen(socket.get(), 64), "listen on {}", dns_address);
  socklen_t size = sizeof address;
  check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  port = ntohs(address.sin_port);
  return socket;
}

std::string redirection(uint16_t udp_port, uint16_t tcp_port) {
  return fmt::format(
      " chain out {{ type nat hook output priority -100;\n"
      "  ip daddr {0} udp dport 53 dnat to {0}:{1}\n"
      "  ip daddr {0} tcp dport 53 dnat to {0}:{2}\n"
      " }}",
      dns_address, udp_port, tcp_port);
}

}  // namespace

std::unique_ptr<Source> udp_door(SeatPtr seat, Fd socket) {
  auto made = std::make_unique<UdpDoor>();
  made->fd = std::move(socket);
  made->seat = std::move(seat);
  return made;
}

std::unique_ptr<Source> tcp_door(SeatPtr seat, Fd socket) {
  auto made = std::make_unique<TcpDoor>();
  made->fd = std::move(socket);
  made->seat = std::move(seat);
  return made;
}

}  // namespace dns

struct DnsServer::Impl {
  explicit Impl(const DnsNames& names) : loop(names) {}
  dns::Loop loop;
  Stop stop;
  std::jthread thread;  // begun by the first open()

  void shut(const dns::SeatPtr& seat) {
    seat->gone = true;
    loop.drop(seat->udp_key);
    loop.drop(seat->tcp_key);
  }
};

DnsServer::DnsServer(const DnsNames& names) : impl_(std::make_unique<Impl>(names)) {}

DnsServer::~DnsServer() {
  impl_->stop.request();
  impl_->loop.wakeup.notify();
}

void DnsServer::open(const std::string& container, const std::string& netns_path,
                     const std::vector<std::string>& servers) {
  {
    const std::lock_guard lock(impl_->loop.mutex);
    const auto known = impl_->loop.seats.find(container);
    if (known != impl_->loop.seats.end()) {
      known->second->servers = servers;
      return;
    }
  }
  Fd udp, tcp;
  linux::in_netns(netns_path, [&] {
    uint16_t udp_port = 0, tcp_port = 0;
    udp = dns::open_socket(SOCK_DGRAM, udp_port);
    tcp = dns::open_socket(SOCK_STREAM, tcp_port);
    linux::Nft().make_table("ip", "slipway_dns", dns::redirection(udp_port, tcp_port));
  });
  const std::lock_guard lock(impl_->loop.mutex);
  const auto seat = std::make_shared<dns::Seat>();
  seat->container = container;
  seat->servers = servers;
  seat->udp_key = impl_->loop.add(dns::udp_door(seat, std::move(udp)), EPOLLIN);
  seat->tcp_key = impl_->loop.add(dns::tcp_door(seat, std::move(tcp)), EPOLLIN);
  impl_->loop.seats[container] = seat;
  if (!impl_->thread.joinable())
    impl_->thread = std::jthread([impl = impl_.get()] { impl->loop.run(impl->stop); });
}

void DnsServer::close(const std::string& container) {
  const std::lock_guard lock(impl_->loop.mutex);
  const auto found = impl_->loop.seats.find(container);
  if (found == impl_->loop.seats.end()) return;
  impl_->shut(found->second);
  impl_->loop.seats.erase(found);
}

bool DnsServer::is_open(const std::string& container) const {
  const std::lock_guard lock(impl_->loop.mutex);
  return impl_->loop.seats.contains(container);
}

std::vector<std::string> DnsServer::servers_of(const std::string& resolv_conf) {
  std::vector<std::string> out;
  for (const std::string& line : split(resolv_conf, '\n')) {
    const std::string_view text = trim(line);
    if (!text.starts_with("nameserver") || text.size() < 12) continue;
    const std::string address(trim(text.substr(10)));
    if (dns::server_address(address) && out.size() < 8) out.push_back(address);
  }
  return out;
}

}  // namespace slipway::container
