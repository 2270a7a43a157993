// The relay between real sockets: a server on IPv4, clients on IPv6.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "container/network.h"

namespace slipway::container {
namespace {

// Echoes what it is sent, connection after connection, until it is destroyed.
class EchoServer {
 public:
  EchoServer() : socket_(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), "bind");
    check(::listen(socket_.get(), 8), "listen");
    socklen_t size = sizeof at;
    check(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size), "getsockname");
    port = ntohs(at.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~EchoServer() { ::shutdown(socket_.get(), SHUT_RDWR); }
  uint16_t port = 0;

 private:
  void serve() {
    for (;;) {
      const Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      std::array<char, 4096> buffer;
      for (;;) {
        const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        ::send(client.get(), buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
      }
    }
  }
  Fd socket_;
  std::jthread thread_;
};

Fd connect_six(uint16_t port) {
  Fd socket(check(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  to.sin6_port = htons(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return socket;
}

// Sends all of it, half-closes, and reads to the end.
std::string through(const Fd& socket, const std::string& text) {
  std::jthread writer([&] {
    for (size_t at = 0; at < text.size();) {
      const ssize_t sent = ::send(socket.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) break;
      at += static_cast<size_t>(sent);
    }
    ::shutdown(socket.get(), SHUT_WR);
  });
  std::string out;
  std::array<char, 8192> buffer;
  try {
    while (const size_t got = read_some(socket.get(), buffer)) out.append(buffer.data(), got);
  } catch (const Error&) {
  }
  return out;
}

Fd listen_six(PortBinding& port) {
  try {
    return reserve_port("test", "id", port);
  } catch (const std::exception&) {
    return {};
  }
}

TEST(PortRelay, copies_both_ways_with_half_close_until_it_is_closed) {
  PortBinding port{0, "tcp", "::", 0, 0};
  Fd listener = listen_six(port);
  if (!listener) GTEST_SKIP() << "no IPv6 here";
  EchoServer server;
  PortRelay relay;
  EXPECT_THROW(reserve_port("two", "id", port), Error);
  relay.open("one", std::move(listener), {"127.0.0.1", ""}, server.port);
  std::string large;
  for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i) + ",";
  for (const std::string& text : {std::string("hello"), std::string(), large}) {
    const Fd client = connect_six(port.host_port);
    ASSERT_TRUE(client);
    EXPECT_EQ(through(client, text), text);
  }
  const Fd open = connect_six(port.host_port);
  ASSERT_TRUE(open);
  relay.close("one");
  EXPECT_EQ(through(open, "x"), "");
  EXPECT_FALSE(connect_six(port.host_port));
}

TEST(PortRelay, moves_to_another_address_and_drops_what_nobody_takes) {
  PortBinding port{0, "tcp", "::", 0, 0};
  Fd listener = listen_six(port);
  if (!listener) GTEST_SKIP() << "no IPv6 here";
  EchoServer server;
  PortRelay relay;
  relay.open("one", std::move(listener), {"127.0.0.1", "::1"}, 1);  // nobody is there
  EXPECT_EQ(through(connect_six(port.host_port), "x"), "");
  relay.move("one", {});
  EXPECT_EQ(through(connect_six(port.host_port), "x"), "");
  relay.close("one");
  relay.open("one", listen_six(port), {"192.0.2.1", ""}, server.port);
  relay.move("one", {"127.0.0.1", ""});
  EXPECT_EQ(through(connect_six(port.host_port), "x"), "x");
}

TEST(PortRelay, tries_ipv4_where_ipv6_is_refused) {
  PortBinding port{0, "tcp", "::", 0, 0};
  Fd listener = listen_six(port);
  if (!listener) GTEST_SKIP() << "no IPv6 here";
  EchoServer server;  // on IPv4 alone
  PortRelay relay;
  relay.open("one", std::move(listener), {"127.0.0.1", "::1"}, server.port);
  EXPECT_EQ(through(connect_six(port.host_port), "x"), "x");
}

}  // namespace
}  // namespace slipway::container
