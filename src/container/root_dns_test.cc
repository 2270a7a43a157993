// The name server over real sockets in a network namespace: forwarding, servers that refuse or lie,
// and clients that misbehave. Root in a box.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/stop.h"
#include "base/strings.h"
#include "container/dns_message.h"
#include "container/dns_names.h"
#include "container/dns_server.h"
#include "linux/links.h"
#include "linux/netns.h"

namespace slipway::container {
namespace {

sockaddr_in v4(const std::string& ip, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, ip.c_str(), &out.sin_addr);
  return out;
}

const sockaddr* plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::string question(const std::string& name, uint16_t id = 77) {
  std::string out(12, '\0');
  dns::set_message_id(out, id);
  out[2] = 1;
  out[5] = 1;
  for (const auto& label : split(name, '.')) out += static_cast<char>(label.size()) + label;
  return out + std::string("\0\0\1\0\1", 5);
}

uint32_t last_four(const std::string& reply) {
  uint32_t value = 0;
  if (reply.size() >= 4) std::memcpy(&value, reply.data() + reply.size() - 4, 4);
  return ntohl(value);
}

int rcode(const std::string& reply) {
  return reply.size() < 12 ? -1 : reply[3] & 15;
}

// A name server of this namespace on UDP and TCP port 53; the replies to a request are made by fn.
class Upstream {
 public:
  using Replies = std::function<std::vector<std::string>(const std::string&)>;
  Upstream(const std::string& ip, Replies fn) : fn_(std::move(fn)) {
    const auto at = v4(ip, 53);
    udp_ = Fd(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    check(::bind(udp_.get(), plain(at), sizeof at), "bind {}", ip);
    tcp_ = linux::listen_tcp_socket(ip, 53);
    threads_.emplace_back([this] { serve_udp(); });
    threads_.emplace_back([this] { serve_tcp(); });
  }
  ~Upstream() { stop_.request(); }

 private:
  void serve_udp() {
    std::array<char, 4096> buffer;
    while (wait_readable(udp_.get(), stop_) == Ready::yes) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) continue;
      for (const auto& reply : fn_({buffer.data(), static_cast<size_t>(got)}))
        ::sendto(udp_.get(), reply.data(), reply.size(), 0, plain(from), sizeof from);
    }
  }
  void serve_tcp() {
    while (wait_readable(tcp_.get(), stop_) == Ready::yes) {
      const Fd client(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 4096> buffer;
      const auto got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      if (got < 3) continue;
      for (auto reply : fn_({buffer.data() + 2, static_cast<size_t>(got) - 2})) {
        std::string length(2, '\0');
        dns::set_message_id(length, static_cast<uint16_t>(reply.size()));
        for (const char byte : length + reply)  // in the smallest of pieces
          ::send(client.get(), &byte, 1, MSG_NOSIGNAL);
      }
    }
  }
  const Replies fn_;
  Stop stop_;
  Fd udp_, tcp_;
  std::vector<std::jthread> threads_;
};

std::string reply_of(const std::string& request, uint32_t address) {
  return dns::make_reply(request, *dns::parse_query(request).query, dns::no_error, {{address}, ""},
                         65535);
}

class ROOT_Dns : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || std::getenv("SLIPWAY_BOX") == nullptr) {
      std::cerr << "SKIPPED: needs root in a box: run tools/box build/dev/container_test\n";
      GTEST_SKIP();
    }
    linux::create_netns(netns_);
    names_.put("c", "n", {"net", 0x0a000002, {"web"}, {}});
    server_ = std::make_unique<DnsServer>(names_);
  }
  void TearDown() override {
    server_.reset();
    linux::delete_netns(netns_);
  }
  Fd connected(int type) {
    Fd socket;
    linux::in_netns(netns_, [&] {
      socket = Fd(check(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
      const timeval patience{5, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      const auto to = v4(dns_address, 53);
      check(::connect(socket.get(), plain(to), sizeof to), "connect");
    });
    return socket;
  }
  std::string ask(const std::string& request) {
    const Fd socket = connected(SOCK_DGRAM);
    ::send(socket.get(), request.data(), request.size(), 0);
    std::array<char, 4096> buffer;
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    return got < 0 ? "" : std::string(buffer.data(), static_cast<size_t>(got));
  }
  std::string ask_tcp(const std::string& request) {
    const Fd socket = connected(SOCK_STREAM);
    std::string sent(2, '\0');
    dns::set_message_id(sent, static_cast<uint16_t>(request.size()));
    sent += request;
    ::send(socket.get(), sent.data(), sent.size(), MSG_NOSIGNAL);
    ::shutdown(socket.get(), SHUT_WR);
    std::string out;
    std::array<char, 4096> buffer;
    for (;;) {
      const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      out.append(buffer.data(), static_cast<size_t>(got));
    }
    return out.size() < 2 ? "" : out.substr(2);
  }

  const std::string netns_ = "/run/slipway-dns-test/ns";
  DnsNames names_;
  std::unique_ptr<DnsServer> server_;
};

TEST_F(ROOT_Dns, forwards_over_udp_and_tcp_and_answers_its_own) {
  Upstream upstream("127.0.0.1", [](const std::string& request) {
    return std::vector{reply_of(request, 0x01020304)};
  });
  server_->open("c", netns_, {"127.0.0.1"});
  EXPECT_EQ(last_four(ask(question("web"))), 0x0a000002u);
  const std::string reply = ask(question("far.example", 4711));
  EXPECT_EQ(last_four(reply), 0x01020304u);
  EXPECT_EQ(dns::message_id(reply), 4711);
  EXPECT_EQ(last_four(ask_tcp(question("far.example"))), 0x01020304u);
  EXPECT_EQ(last_four(ask_tcp(question("web"))), 0x0a000002u);
  server_->close("c");
  EXPECT_FALSE(server_->is_open("c"));
  server_->open("c", netns_, {"127.0.0.1"});  // as after a restart: the rules are there already
  EXPECT_EQ(last_four(ask(question("web"))), 0x0a000002u);
}

TEST_F(ROOT_Dns, takes_only_answers_to_what_was_asked) {
  Upstream upstream("127.0.0.1", [](const std::string& request) {
    std::string wrong_id = reply_of(request, 0x06060606);
    dns::set_message_id(wrong_id, static_cast<uint16_t>(dns::message_id(request) + 1));
    const std::string other = question("other.example", dns::message_id(request));
    return std::vector<std::string>{"",
                                    "x",
                                    wrong_id,
                                    reply_of(other, 0x06060606),
                                    request,  // no reply at all
                                    reply_of(request, 0x01020304)};
  });
  server_->open("c", netns_, {"127.0.0.1"});
  EXPECT_EQ(last_four(ask(question("far.example"))), 0x01020304u);
}

TEST_F(ROOT_Dns, the_next_server_is_asked_when_one_fails) {
  Upstream failing("127.0.0.2", [](const std::string& request) {
    return std::vector{dns::make_refusal(request, dns::server_failure)};
  });
  Upstream good("127.0.0.3", [](const std::string& request) {
    return std::vector{reply_of(request, 0x01020304)};
  });
  // Nobody is at 127.0.0.9.
  server_->open("c", netns_, {"127.0.0.9", "127.0.0.2", "127.0.0.3"});
  EXPECT_EQ(last_four(ask(question("far.example"))), 0x01020304u);
  EXPECT_EQ(last_four(ask_tcp(question("far.example"))), 0x01020304u);
  server_->close("c");
  server_->open("c", netns_, {"127.0.0.9"});
  EXPECT_EQ(rcode(ask(question("far.example"))), dns::server_failure);
  EXPECT_EQ(rcode(ask_tcp(question("far.example"))), dns::server_failure);
}

TEST_F(ROOT_Dns, an_internal_network_asks_nobody) {
  std::atomic<int> asked = 0;
  Upstream upstream("127.0.0.1", [&](const std::string& request) {
    ++asked;
    return std::vector{reply_of(request, 0x01020304)};
  });
  names_.put("c", "n", {"net", 0x0a000002, {"web"}, {}, true});
  server_->open("c", netns_, {"127.0.0.1"});
  EXPECT_EQ(rcode(ask(question("far.example"))), dns::server_failure);
  EXPECT_EQ(last_four(ask(question("web"))), 0x0a000002u);
  EXPECT_EQ(asked, 0);
}

TEST_F(ROOT_Dns, clients_that_misbehave_do_not_keep_others_from_asking) {
  server_->open("c", netns_, {"127.0.0.9"});
  EXPECT_EQ(rcode(ask(question("web").substr(0, 15))), dns::format_error);
  EXPECT_EQ(rcode(ask_tcp(question("web").substr(0, 15))), dns::format_error);
  // More connections than there is room for, with half a message each; those beyond are closed.
  std::vector<Fd> idle;
  for (int i = 0; i < 60; ++i) {
    idle.push_back(connected(SOCK_STREAM));
    ::send(idle.back().get(), "\0", 1, MSG_NOSIGNAL);
  }
  EXPECT_EQ(last_four(ask(question("web"))), 0x0a000002u);
  idle.clear();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (last_four(ask_tcp(question("web"))) != 0x0a000002u) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }
}

TEST_F(ROOT_Dns, many_ask_while_names_and_servers_come_and_go) {
  Upstream upstream("127.0.0.1", [](const std::string& request) {
    return std::vector{reply_of(request, 0x01020304)};
  });
  server_->open("c", netns_, {"127.0.0.1"});
  std::vector<std::jthread> askers;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    askers.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        right += last_four(ask(question("web"))) == 0x0a000002u;
        right += last_four(ask(question("far.example"))) == 0x01020304u;
      }
    });
  }
  const std::string second = netns_ + "2";
  linux::create_netns(second);
  for (int i = 0; i < 20; ++i) {
    server_->open("other", second, {});
    names_.put("other", "n", {"net", 0x0a000003, {"other"}, {}});
    server_->close("other");
    names_.erase("other");
  }
  askers.clear();
  linux::delete_netns(second);
  EXPECT_EQ(right, 200);
}

}  // namespace
}  // namespace slipway::container
