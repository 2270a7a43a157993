#include "container/port_relay.h"

#include <arpa/inet.h>
#include <map>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/stop.h"

namespace slipway::container {
namespace {

constexpr size_t relay_buffer = 64 * 1024, most_pairs = 1024;

struct RelayPort {
  std::string container;
  RelayTarget to;
  uint16_t container_port = 0;
  Fd listener;
};

// One direction of a connection.
struct RelayHalf {
  std::string bytes;  // read, not yet written
  bool ended = false, told = false;
};

struct RelayPair {
  std::string container;
  Fd client, server;
  std::vector<std::string> addresses;  // yet to be tried, the last one first
  uint16_t port = 0;
  bool connecting = true;
  RelayHalf up, down;                             // client -> server, server -> client
  uint32_t client_events = 0, server_events = 0;  // what is watched for; 0: not watched
};

// Moves what can be moved now. False: the connection is broken.
bool relay_some(const Fd& from, const Fd& to, RelayHalf& half) {
  if (!half.ended && half.bytes.size() < relay_buffer) {
    const size_t before = half.bytes.size();
    half.bytes.resize(relay_buffer);
    const ssize_t got = ::recv(from.get(), half.bytes.data() + before, relay_buffer - before, 0);
    const int error = errno;
    half.bytes.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got < 0 && error != EAGAIN && error != EINTR) return false;
    half.ended = got == 0;
  }
  if (!half.bytes.empty()) {
    const ssize_t done = ::send(to.get(), half.bytes.data(), half.bytes.size(), MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (done > 0) half.bytes.erase(0, static_cast<size_t>(done));
  }
  if (half.ended && half.bytes.empty() && !half.told) {
    half.told = true;
    ::shutdown(to.get(), SHUT_WR);
  }
  return true;
}

Fd relay_connect(const std::string& ip, uint16_t port) {
  const bool six = ip.find(':') != std::string::npos;
  sockaddr_storage to{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&to);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&to);
  to.ss_family = six ? AF_INET6 : AF_INET;
  v4->sin_port = htons(port);  // of both families at the same place
  void* address = six ? static_cast<void*>(&v6->sin6_addr) : &v4->sin_addr;
  if (::inet_pton(to.ss_family, ip.c_str(), address) != 1) return {};
  Fd socket(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  const socklen_t size = six ? sizeof *v6 : sizeof *v4;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0 &&
      errno != EINPROGRESS)
    return {};
  return socket;
}

}  // namespace

struct PortRelay::Impl {
  Impl() : epoll(check(::epoll_create1(EPOLL_CLOEXEC), "epoll")) { watch(wakeup.fd(), 0, EPOLLIN); }

  Fd epoll;
  Wakeup wakeup;
  Stop stop;
  std::mutex mutex;  // guards what follows
  uint64_t next = 1;
  // Keys of events: a port's, or twice a pair's (its client) and one more (its server).
  std::map<uint64_t, RelayPort> ports;
  std::map<uint64_t, RelayPair> pairs;
  std::jthread thread;

  void watch(int fd, uint64_t key, uint32_t events, int how = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    ::epoll_ctl(epoll.get(), how, fd, &event);
  }
  void run();
  void handle(uint64_t key);
  void accept_one(const RelayPort& port);
  bool try_next(uint64_t key, RelayPair& pair);
  bool serve(uint64_t key, RelayPair& pair);
  void rewatch(uint64_t key, RelayPair& pair);
};

void PortRelay::Impl::accept_one(const RelayPort& port) {
  Fd client(::accept4(port.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client || pairs.size() >= most_pairs) return;
  const uint64_t key = (next += 2) & ~uint64_t{1};
  RelayPair& pair = pairs[key];
  pair.container = port.container;
  pair.client = std::move(client);
  pair.port = port.container_port;
  for (const std::string& ip : {port.to.ip, port.to.ip6}) {
    if (!ip.empty()) pair.addresses.push_back(ip);
  }
  if (!try_next(key, pair)) pairs.erase(key);
}

// Connects to the next of the container's addresses. False: there is none.
bool PortRelay::Impl::try_next(uint64_t key, RelayPair& pair) {
  while (!pair.addresses.empty()) {
    const std::string ip = std::move(pair.addresses.back());
    pair.addresses.pop_back();
    pair.server = relay_connect(ip, pair.port);
    if (!pair.server) continue;
    pair.server_events = EPOLLOUT;
    watch(pair.server.get(), key + 1, EPOLLOUT);
    return true;
  }
  return false;
}

// Only what is waited for is watched: a side that is full is not read, and one that has nothing
// more to do is not watched at all (the kernel would tell of its end again and again).
void PortRelay::Impl::rewatch(uint64_t key, RelayPair& pair) {
  const auto reads = [](const RelayHalf& half) {
    return !half.ended && half.bytes.size() < relay_buffer ? uint32_t{EPOLLIN} : 0u;
  };
  const auto writes = [](const RelayHalf& half) {
    return half.bytes.empty() ? 0u : uint32_t{EPOLLOUT};
  };
  const uint32_t client = reads(pair.up) | writes(pair.down);
  const uint32_t server = reads(pair.down) | writes(pair.up);
  const auto change = [&](const Fd& fd, uint64_t its_key, uint32_t& now, uint32_t wanted) {
    if (wanted == now) return;
    watch(fd.get(), its_key, wanted,
          now == 0      ? EPOLL_CTL_ADD
          : wanted == 0 ? EPOLL_CTL_DEL
                        : EPOLL_CTL_MOD);
    now = wanted;
  };
  change(pair.client, key, pair.client_events, client);
  change(pair.server, key + 1, pair.server_events, server);
}

// False when the pair is done with.
bool PortRelay::Impl::serve(uint64_t key, RelayPair& pair) {
  if (pair.connecting) {  // only the server is watched as yet
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(pair.server.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return try_next(key, pair);
    pair.connecting = false;
  }
  return relay_some(pair.client, pair.server, pair.up) &&
         relay_some(pair.server, pair.client, pair.down) && !(pair.up.told && pair.down.told);
}

void PortRelay::Impl::handle(uint64_t key) {
  if (const auto port = ports.find(key); port != ports.end()) return accept_one(port->second);
  const auto pair = pairs.find(key & ~uint64_t{1});
  if (pair == pairs.end()) return;
  if (!serve(pair->first, pair->second)) {
    pairs.erase(pair);
  } else if (!pair->second.connecting) {
    rewatch(pair->first, pair->second);
  }
}

void PortRelay::Impl::run() {
  std::array<epoll_event, 64> events;
  while (!stop.requested()) {
    const int count = ::epoll_wait(epoll.get(), events.data(), events.size(), -1);
    const std::lock_guard lock(mutex);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<size_t>(i)];
      if (event.data.u64 == 0) {
        wakeup.drain();
      } else {
        handle(event.data.u64);
      }
    }
  }
}

PortRelay::PortRelay() : impl_(std::make_unique<Impl>()) {}

PortRelay::~PortRelay() {
  impl_->stop.request();
  impl_->wakeup.notify();
}

void PortRelay::open(const std::string& container, Fd listener, const RelayTarget& to,
                     uint16_t container_port) {
  const std::lock_guard lock(impl_->mutex);
  const uint64_t key = (impl_->next += 2) | 1;
  impl_->watch(listener.get(), key, EPOLLIN);
  impl_->ports[key] = {container, to, container_port, std::move(listener)};
  if (!impl_->thread.joinable())
    impl_->thread = std::jthread([impl = impl_.get()] { impl->run(); });
}

void PortRelay::move(const std::string& container, const RelayTarget& to) {
  const std::lock_guard lock(impl_->mutex);
  for (auto& [key, port] : impl_->ports) {
    if (port.container == container) port.to = to;
  }
}

void PortRelay::close(const std::string& container) {
  const std::lock_guard lock(impl_->mutex);
  const auto own = [&](const auto& entry) { return entry.second.container == container; };
  std::erase_if(impl_->ports, own);
  std::erase_if(impl_->pairs, own);
}

}  // namespace slipway::container
