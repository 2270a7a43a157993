// Accepting: one thread polls all listeners, notices peers that hang up, and joins the threads of
// connections that have ended. Each connection has a thread of its own (connection.cc).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/sync.h"
#include "net/connection.h"
#include "net/http.h"
#include "net/listen.h"

namespace slipway::net {
namespace {

constexpr char kBusy[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    "too many connections\n";

std::string address_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(in.sin_port));
  }
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
  return fmt::format("[{}]:{}", text, ntohs(in6.sin6_port));
}

Endpoints endpoints_of(int fd) {
  sockaddr_storage local{}, peer{};
  socklen_t size = sizeof local;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
  if (local.ss_family == AF_UNIX) {
    ucred credentials{};
    size = sizeof credentials;
    ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    return {fmt::format("unix:pid={},uid={}", credentials.pid, credentials.uid), "unix"};
  }
  size = sizeof peer;
  ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size);
  return {address_text(peer), address_text(local)};
}

struct Listener {
  Fd fd;
  std::string label;
  std::string path;  // of a unix socket, to be removed at the end
  ino_t inode = 0;
};

struct State {
  uint64_t next_id = 1;
  std::map<uint64_t, std::shared_ptr<Listener>> listeners;
  std::map<uint64_t, Stop> watched;
  std::map<uint64_t, std::jthread> connections;
  std::vector<uint64_t> ended;
};

}  // namespace

struct Server::Impl : HangupWatch {
  Impl(Handler handler_in, ServerOptions options_in)
      : handler(std::move(handler_in)), options(options_in) {
    add(stop.fd(), EPOLLIN, 0);
    add(wakeup.fd(), EPOLLIN, 0);
    loop = std::jthread([this] { run(); });
  }
  ~Impl() override { end(); }

  void add(int fd, uint32_t events, uint64_t id) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void listen(std::shared_ptr<Listener> listener) {
    const int fd = listener->fd.get();
    auto lock = state.lock();
    const auto id = lock->next_id++;
    lock->listeners[id] = std::move(listener);
    add(fd, EPOLLIN, id);
  }

  uint64_t watch(int fd, bool half_close, const Stop& on_hangup) override {
    uint64_t id = 0;
    {
      auto lock = state.lock();
      id = lock->next_id++;
      lock->watched.emplace(id, on_hangup);
    }
    // HUP is always reported; RDHUP is the peer's half-close.
    add(fd, EPOLLONESHOT | (half_close ? EPOLLRDHUP : 0u), id);
    return id;
  }

  void unwatch(uint64_t id, int fd) override {
    ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    state.lock()->watched.erase(id);
  }

  void run() {
    while (!stop.requested()) {
      std::array<epoll_event, 64> events;
      const int n = ::epoll_wait(epoll.get(), events.data(), events.size(), -1);
      for (int i = 0; i < n; ++i) handle(events[static_cast<size_t>(i)].data.u64);
      wakeup.drain();
      reap();
    }
  }

  void handle(uint64_t id) {
    std::shared_ptr<Listener> listener;
    std::optional<Stop> gone;
    {
      auto lock = state.lock();
      if (const auto it = lock->listeners.find(id); it != lock->listeners.end()) {
        listener = it->second;
      }
      if (const auto it = lock->watched.find(id); it != lock->watched.end()) gone = it->second;
    }
    if (gone) gone->request();
    if (listener) accept_all(*listener);
  }

  void accept_all(const Listener& listener) {
    for (;;) {
      Fd fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (fd) {
        start(std::move(fd));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        log::error("http", "cannot accept on {}: {}", listener.label, std::strerror(errno));
        stop.wait_for(milliseconds(100));
        return;
      } else if (errno != ECONNABORTED && errno != EINTR) {
        return;
      }
    }
  }

  void start(Fd fd) {
    auto lock = state.lock();
    if (lock->connections.size() - lock->ended.size() >= options.max_connections) {
      (void)::send(fd.get(), kBusy, sizeof kBusy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      return;
    }
    const auto id = lock->next_id++;
    try {
      lock->connections.emplace(
          id, std::jthread([this, id, fd = std::move(fd)]() mutable { serve(id, std::move(fd)); }));
    } catch (const std::system_error& e) {
      log::error("http", "cannot start a thread for a connection: {}", e.what());
    }
  }

  void serve(uint64_t id, Fd fd) {
    const auto endpoints = endpoints_of(fd.get());
    serve_connection(std::move(fd), endpoints, {handler, options, *this}, stop);
    state.lock()->ended.push_back(id);
    wakeup.notify();
  }

  void reap() {
    std::vector<std::jthread> done;
    {
      auto lock = state.lock();
      for (const auto id : std::exchange(lock->ended, {})) {
        auto node = lock->connections.extract(id);
        if (!node.empty()) done.push_back(std::move(node.mapped()));
      }
    }
  }  // joins

  void end() {
    stop.request();
    if (loop.joinable()) loop.join();
    auto connections = std::exchange(state.lock()->connections, {});
    connections.clear();  // joins
    for (const auto& [id, listener] : std::exchange(state.lock()->listeners, {})) {
      remove_socket(*listener);
    }
  }

  static void remove_socket(const Listener& listener) {
    struct stat now {};
    if (listener.path.empty() || ::lstat(listener.path.c_str(), &now) != 0) return;
    if (now.st_ino == listener.inode) ::unlink(listener.path.c_str());
  }

  const Handler handler;
  const ServerOptions options;
  Stop stop;
  Wakeup wakeup;
  Fd epoll{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create")};
  Sync<State> state;
  std::jthread loop;
};

Server::Server(Handler handler, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(handler), options)) {}
Server::~Server() = default;

uint16_t Server::listen_tcp(const std::string& address, uint16_t port) {
  auto fd = bind_tcp(address, port);
  const auto bound = port_of(fd.get());
  impl_->listen(std::make_shared<Listener>(
      Listener{std::move(fd), fmt::format("{}:{}", address, bound), {}, 0}));
  return bound;
}

void Server::listen_unix(const std::string& path, unsigned mode) {
  auto fd = bind_unix(path, mode);
  struct stat made {};
  check(::lstat(path.c_str(), &made), "stat {}", path);
  impl_->listen(std::make_shared<Listener>(Listener{std::move(fd), path, path, made.st_ino}));
}

void Server::listen_fd(Fd listener, std::string label) {
  const int flags = check(::fcntl(listener.get(), F_GETFL), "fcntl");
  check(::fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK), "fcntl");
  impl_->listen(std::make_shared<Listener>(Listener{std::move(listener), std::move(label), {}, 0}));
}

void Server::close_listener(const std::string& label) {
  auto lock = impl_->state.lock();
  std::erase_if(lock->listeners, [&](const auto& entry) {
    if (entry.second->label != label) return false;
    ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, entry.second->fd.get(), nullptr);
    return true;
  });
}

void Server::stop() {
  impl_->end();
}

}  // namespace slipway::net
