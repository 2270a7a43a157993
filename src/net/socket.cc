#include "net/socket.h"

#include <csignal>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

namespace slipway::net {
namespace {

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

void set_non_blocking(int fd) {
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl");
  check(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl");
}

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(Fd fd) : fd_(std::move(fd)) {
    set_non_blocking(fd_.get());
    const int on = 1;  // fails on unix sockets, where it is not needed
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  size_t read(std::span<char> into, const Waiting& waiting) override {
    waiting.stop.throw_if_requested();
    for (;;) {
      const ssize_t n = ::recv(fd_.get(), into.data(), into.size(), 0);
      if (n >= 0) return static_cast<size_t>(n);
      const int error = errno;
      if (would_block(error)) {
        wait_for_io(fd_.get(), POLLIN, waiting);
      } else if (error != EINTR) {
        throw unavailable("connection broke: {}", std::strerror(error));
      }
    }
  }

  void write(std::string_view bytes, const Waiting& waiting) override {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
        continue;
      }
      handle_write_error(errno, waiting);
    }
  }

  void send_file(int file, uint64_t offset, uint64_t length, const Waiting& waiting) override {
    const NoSigpipe guard;
    auto position = static_cast<off_t>(offset);
    while (length > 0) {
      const ssize_t n =
          ::sendfile(fd_.get(), file, &position, std::min<uint64_t>(length, 1u << 30));
      if (n > 0) {
        length -= static_cast<uint64_t>(n);
      } else if (n == 0) {
        throw internal("file is shorter than announced");
      } else {
        handle_write_error(errno, waiting);
      }
    }
  }

  void shutdown_write() override { ::shutdown(fd_.get(), SHUT_WR); }
  void close() override { ::shutdown(fd_.get(), SHUT_RDWR); }
  int fd() const override { return fd_.get(); }

 private:
  void handle_write_error(int error, const Waiting& waiting) {
    if (would_block(error)) {
      wait_for_io(fd_.get(), POLLOUT, waiting);
    } else if (error != EINTR) {
      throw unavailable("the peer has gone: {}", std::strerror(error));
    }
  }

  Fd fd_;
};

// Throws what the pending connect failed with.
void finish_connect(int fd, const std::string& where, const Waiting& waiting) {
  try {
    wait_for_io(fd, POLLOUT, waiting);
  } catch (const Error& e) {
    throw Error(e.kind(), "connect to " + where + ": " + e.what());
  }
  int error = 0;
  socklen_t size = sizeof error;
  check(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt");
  if (error != 0) throw unavailable("connect to {}: {}", where, std::strerror(error));
}

void connect_address(int fd, const sockaddr* address, socklen_t size, const std::string& where,
                     const Waiting& waiting) {
  if (::connect(fd, address, size) == 0) return;
  if (errno != EINPROGRESS && errno != EAGAIN) {
    throw unavailable("connect to {}: {}", where, std::strerror(errno));
  }
  finish_connect(fd, where, waiting);
}

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (rc != 0) throw unavailable("connect to {}:{}: {}", host, port, ::gai_strerror(rc));
  return {found, ::freeaddrinfo};
}

}  // namespace

SteadyTime deadline_in(milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

void wait_for_io(int fd, short events, const Waiting& waiting) {
  for (;;) {
    pollfd fds[3] = {{fd, events, 0},
                     {waiting.stop.fd(), POLLIN, 0},
                     {waiting.other != nullptr ? waiting.other->fd() : -1, POLLIN, 0}};
    int left_ms = -1;
    if (waiting.deadline != SteadyTime::max()) {
      const auto left = waiting.deadline - std::chrono::steady_clock::now();
      left_ms = static_cast<int>(
          std::clamp<int64_t>(std::chrono::ceil<milliseconds>(left).count(), 0, 3'600'000));
    }
    const int n = ::poll(fds, 3, left_ms);
    if (n < 0 && errno != EINTR) check(n, "poll");
    if (n > 0 && (fds[1].revents != 0 || fds[2].revents != 0)) throw cancelled("stopped");
    if (n > 0) return;
    if (n == 0 && std::chrono::steady_clock::now() >= waiting.deadline)
      throw timeout("no progress in time");
  }
}

std::unique_ptr<Transport> plain_transport(Fd fd) {
  return std::make_unique<PlainTransport>(std::move(fd));
}

Fd connect_tcp(const std::string& host, const std::string& port, const Waiting& waiting) {
  const auto addresses = resolve(host, port);
  const auto where = host + ":" + port;
  std::exception_ptr failure;
  for (const auto* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Fd fd(check(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    try {
      connect_address(fd.get(), a->ai_addr, a->ai_addrlen, where, waiting);
      return fd;
    } catch (const Error& e) {
      if (e.kind() == Kind::cancelled) throw;
      if (!failure) failure = std::current_exception();
    }
  }
  std::rethrow_exception(failure);
}

Fd connect_unix(const std::string& path, const Waiting& waiting) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw invalid_argument("socket path is too long: {}", path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  connect_address(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address, path,
                  waiting);
  return fd;
}

NoSigpipe::NoSigpipe() {
  sigset_t pending;
  ::sigpending(&pending);
  was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  sigset_t pipe, before;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  was_blocked_ = ::sigismember(&before, SIGPIPE) == 1;
}

NoSigpipe::~NoSigpipe() {
  sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  if (!was_pending_) {
    const timespec at_once{};
    while (::sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  if (!was_blocked_) ::pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
}

}  // namespace slipway::net
