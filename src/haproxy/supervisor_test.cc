// With the real HAProxy and small servers of ours, inside tools/box only (it binds 127.64.0.1:80).
#include "haproxy/supervisor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <regex>
#include <sys/socket.h>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/stop.h"
#include "base/strings.h"
#include "net/http.h"

namespace slipway::haproxy {
namespace {

TEST(MasterSocket, ReadsProcessesAndServers) {
  const auto list = parse_processes(
      "#<PID> <type> <reloads>\n45 master 2 [failed: 1] 0d 2.6\n# workers\n75 worker 1 0d 2.6\n"
      "# old workers\n48 worker 2 0d 2.6\n# programs\n");
  EXPECT_EQ(list.master, 45);
  EXPECT_EQ(list.failed_reloads, 1);
  ASSERT_EQ(list.workers.size(), 2u);
  EXPECT_TRUE(list.workers[0].current);
  EXPECT_FALSE(list.workers[1].current);
  const auto servers = parse_servers(
      "1\n# be_id be_name ...\n2 tg_a 1 s1 10.0.0.1 2 0 1 1 2 1 0 2 0 0 0 0 - 9001 - 0 0 - - 0\n"
      "2 tg_a 2 s2 10.0.0.2 0 5 1 1 2 1 0 0 8 0 0 0 - 9002 - 0 0 - - 0\nshort line\n");
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_TRUE(servers[0].up);
  EXPECT_EQ(servers[0].port, 9001);
  EXPECT_FALSE(servers[1].up);
}

// Answers "<name> <target>" and the request's headers.
class Backend {
 public:
  explicit Backend(std::string name)
      : server_([name](net::Exchange& exchange) {
          std::string body = name + " " + exchange.request().target + "\n";
          for (auto& [key, value] : exchange.request().headers.list()) {
            body += key + ": " + value + "\n";
          }
          exchange.respond(200, {}, body);
        }),
        port_(server_.listen_tcp("127.0.0.1", 0)) {}
  Slot slot(bool up = true) const { return {"127.0.0.1", port_, up}; }

 private:
  net::Server server_;
  uint16_t port_;
};

struct Answer {
  int status = 0;
  std::string body, location;
};
Answer get(const std::string& url, net::Headers headers = {}) {
  net::ClientRequest request;
  request.url = url;
  request.headers = std::move(headers);
  const auto response = net::request(request);
  return {response->status(), response->read_all(),
          std::string(response->headers().get("location"))};
}

class RealHaproxy : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::getenv("SLIPWAY_BOX")) GTEST_SKIP() << "needs tools/box";
    supervisor_.emplace(options());
    LoadBalancer lb;
    lb.id = "shop";
    lb.address = "127.64.0.1";
    lb.dns_name = "shop-1.elb.localhost";
    lb.listeners.push_back({80, {}, Forward{{{"web", 1}}, {}}, true});
    model_.load_balancers = {lb};
    model_.target_groups.push_back({"web", {}, {}, seconds(60), {{}, {}, {}}});
    model_.shared_ports = {80};
  }
  void TearDown() override {
    if (supervisor_) supervisor_->stop();
  }
  static SupervisorOptions options() { return {"/run/slipway/haproxy", "haproxy", 2}; }
  std::vector<Slot>& slots() { return model_.target_groups[0].slots; }
  void apply() { supervisor_->apply(render(model_, supervisor_->render_options())); }
  // Both ways to reach the balancer.
  const std::string url_ = "http://127.64.0.1";

  Model model_;
  std::optional<Supervisor> supervisor_;
};

TEST_F(RealHaproxy, ServesOnItsOwnAddressAndOnLocalhost) {
  const Backend a("a");
  slots()[0] = a.slot();
  EXPECT_EQ(supervisor_->running(), std::nullopt);
  apply();
  const auto answer = get(url_ + "/x?y=1", {{"X-Forwarded-For", "1.2.3.4"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with("a /x?y=1\n")) << answer.body;
  EXPECT_NE(answer.body.find("1.2.3.4, 127.0.0.1\n"), std::string::npos) << answer.body;
  EXPECT_NE(to_lower(answer.body).find("x-forwarded-proto: http\n"), std::string::npos);
  EXPECT_NE(to_lower(answer.body).find("x-forwarded-port: 80\n"), std::string::npos);
  const std::regex trace_id("x-amzn-trace-id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}\n",
                            std::regex::icase);
  EXPECT_TRUE(std::regex_search(answer.body, trace_id)) << answer.body;
  EXPECT_EQ(get("http://127.0.0.1/", {{"Host", "shop-1.elb.localhost"}}).status, 200);
}

TEST_F(RealHaproxy, TraceIsRefusedAndTheHostComesWithoutItsPort) {
  const Backend a("a");
  slots()[0] = a.slot();
  apply();
  const auto body = get(url_, {{"Host", "Shop.Test:80"}}).body;
  EXPECT_NE(to_lower(body).find("host: shop.test\n"), std::string::npos) << body;
  net::ClientRequest request;
  request.method = "TRACE";
  request.url = url_;
  EXPECT_EQ(net::request(request)->status(), 405);
}

TEST_F(RealHaproxy, TraceIdKeepsTheRootAndReplacesSelf) {
  const Backend a("a");
  slots()[0] = a.slot();
  apply();
  const auto body =
      get(url_, {{"X-Amzn-Trace-Id", "Self=1-old;Root=1-5759e988-bd862e3fe1be46a994272793;K=v"}})
          .body;
  EXPECT_NE(body.find("Self=1-"), std::string::npos) << body;
  EXPECT_NE(body.find(";Root=1-5759e988-bd862e3fe1be46a994272793;K=v\n"), std::string::npos)
      << body;
  EXPECT_EQ(body.find("old"), std::string::npos) << body;
}

TEST_F(RealHaproxy, NoTargetIs503AndARefusingTarget502) {
  apply();
  auto answer = get(url_);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body.size(), 162u);
  slots()[0] = {"127.0.0.1", 1, true};
  supervisor_->update({{"web", 0, slots()[0], false}});
  answer = get(url_);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body.size(), 122u);
}

TEST_F(RealHaproxy, RulesDecideInTheirOrder) {
  const Backend a("a"), b("b");
  slots()[0] = a.slot();
  model_.target_groups.push_back({"api", {}, {}, seconds(60), {b.slot()}});
  auto& rules = model_.load_balancers[0].listeners[0].rules;
  rules.push_back({{{Field::path, {}, {"/api/*"}, {}}}, Forward{{{"api", 1}}, {}}});
  rules.push_back({{{Field::host, {}, {"*.Example.com"}, {}}},
                   FixedResponse{404, "application/json", "{\"x\": 'y'}\n"}});
  rules.push_back({{{Field::query, {}, {}, {{"Lang", "D?"}}}},
                   Redirect{301, "HTTPS", "#{host}", "443", "/de/#{path}", "#{query}"}});
  rules.push_back({{{Field::path, {}, {"/api/*", "/gone"}, {}}}, FixedResponse{410, "", ""}});
  apply();
  EXPECT_TRUE(get(url_ + "/api/1", {{"Host", "x.example.com"}}).body.starts_with("b /api/1"));
  EXPECT_TRUE(get(url_ + "/API/1").body.starts_with("a /API/1"));
  auto answer = get(url_ + "/z", {{"Host", "X.EXAMPLE.com:80"}});
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "{\"x\": 'y'}\n");
  answer = get(url_ + "/z?a=b&lang=de", {{"Host", "shop.test"}});
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.location, "https://shop.test:443/de/z?a=b&lang=de");
  EXPECT_EQ(get(url_ + "/gone").status, 410);
  EXPECT_TRUE(get(url_ + "/z?lang=deu").body.starts_with("a "));
}

TEST_F(RealHaproxy, WeightsAndTwoBalancersOnOnePort) {
  const Backend a("a"), b("b");
  slots()[0] = a.slot();
  model_.target_groups.push_back({"api", {}, {}, seconds(60), {b.slot()}});
  LoadBalancer other = model_.load_balancers[0];
  other.id = "other";
  other.address = "127.64.0.2";
  other.dns_name = "other-1.elb.localhost";
  other.listeners[0].default_action = Forward{{{"web", 0}, {"api", 5}}, seconds(60)};
  model_.load_balancers.push_back(other);
  apply();
  EXPECT_TRUE(get("http://127.64.0.2/").body.starts_with("b "));
  EXPECT_TRUE(get(url_).body.starts_with("a "));
  EXPECT_TRUE(get("http://127.0.0.1/", {{"Host", "Other-1.elb.localhost"}}).body.starts_with("b "));
  EXPECT_TRUE(get("http://127.0.0.1/", {{"Host", "shop-1.elb.localhost"}}).body.starts_with("a "));
  const auto unknown = get("http://127.0.0.1/", {{"Host", "who"}});
  EXPECT_EQ(unknown.status, 404);
  EXPECT_NE(unknown.body.find("other-1.elb.localhost"), std::string::npos);
}

TEST_F(RealHaproxy, AFailingReloadKeepsServingAndSaysWhy) {
  const Backend a("a");
  slots()[0] = a.slot();
  apply();
  Backend taken("taken");
  net::Server blocker([](net::Exchange& e) { e.respond(200, {}, "blocker"); });
  const uint16_t port = blocker.listen_tcp("127.64.0.1", 0);
  model_.load_balancers[0].listeners.push_back({port, {}, Forward{{{"web", 1}}, {}}, true});
  EXPECT_FALSE(Supervisor::can_bind("127.64.0.1", port));
  EXPECT_TRUE(Supervisor::can_bind("127.64.0.1", 7999));
  EXPECT_THROW(apply(), Error);
  EXPECT_EQ(get(url_).status, 200);
  model_.load_balancers[0].listeners.pop_back();
  model_.load_balancers[0].idle_timeout = seconds(30);
  apply();
  EXPECT_EQ(get(url_).status, 200);
}

TEST_F(RealHaproxy, IsFoundAgainByTheNextSupervisor) {
  const Backend a("a");
  slots()[1] = a.slot();
  apply();
  supervisor_.emplace(options());
  EXPECT_EQ(supervisor_->running(), render(model_, supervisor_->render_options()).structure);
  const auto found = supervisor_->servers().at("web");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], Slot());
  EXPECT_EQ(found[1], a.slot());
  EXPECT_EQ(get(url_).status, 200);
  supervisor_->stop();
  EXPECT_EQ(supervisor_->running(), std::nullopt);
  EXPECT_THROW(get(url_), Error);
}

// One connection, several requests.
class KeepAlive {
 public:
  explicit KeepAlive(const char* address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(80);
    ::inet_pton(AF_INET, address, &where.sin_addr);
    check(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), "connect");
  }
  // The answer's bytes up to the end of "<name> /..." in its body.
  std::string ask(const std::string& path) {
    write_all(fd_.get(), "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string answer;
    char buffer[4096];
    while (answer.find(" " + path + "\n") == std::string::npos) {
      const Stop never;
      const auto deadline = std::chrono::steady_clock::now() + seconds(5);
      if (wait_readable(fd_.get(), never, deadline) != Ready::yes) return answer + " (no answer)";
      const size_t got = read_some(fd_.get(), buffer);
      if (got == 0) return answer + " (closed)";
      answer.append(buffer, got);
    }
    return answer;
  }

 private:
  Fd fd_;
};

TEST_F(RealHaproxy, AnIdleConnectionOfAReplacedWorkerGetsItsAnswerFromALiveTarget) {
  const Backend a("a"), b("b");
  slots()[0] = a.slot();
  apply();
  KeepAlive client("127.64.0.1");
  EXPECT_NE(client.ask("/1").find("a /1"), std::string::npos);
  model_.load_balancers[0].idle_timeout = seconds(30);
  apply();
  supervisor_->update({{"web", 1, b.slot(), false}, {"web", 0, {}, true}});
  const auto answer = to_lower(client.ask("/2"));
  EXPECT_NE(answer.find("b /2"), std::string::npos) << answer;
  EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer;
}

TEST_F(RealHaproxy, AMissingProgramIsNamedWithWhatToDo) {
  Supervisor missing({"/run/slipway/missing", "haproxy-that-is-not-there", 1});
  try {
    missing.apply(render(model_, missing.render_options()));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::unavailable);
    EXPECT_NE(std::string(e.what()).find("apt-get install haproxy"), std::string::npos);
  }
}

// While the configuration and the targets change.
TEST_F(RealHaproxy, NoRequestIsLostByReloadsAndTargetChanges) {
  const Backend a("a"), b("b");
  slots()[0] = a.slot();
  apply();
  std::atomic<int> sent{0}, failed{0};
  const Stop done;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!done.requested() && sent < 4000) {
        ++sent;
        try {
          const auto answer = get(url_ + "/load");
          if (answer.status != 200) {
            ++failed;
            ADD_FAILURE() << answer.status << " " << answer.body;
          }
        } catch (const Error& e) {
          ++failed;
          ADD_FAILURE() << e.what();
        }
      }
    });
  }
  const Stop never;
  for (int round = 0; round < 6; ++round) {
    supervisor_->update({{"web", 1, b.slot(), false}});
    supervisor_->update({{"web", 0, a.slot(false), false}});
    slots()[0] = a.slot();
    slots()[1] = {};
    model_.load_balancers[0].idle_timeout = seconds(60 + round);
    apply();
    never.wait_for(milliseconds(30));
  }
  done.request();
  clients.clear();
  EXPECT_GT(sent, 100);
  EXPECT_EQ(failed, 0) << "of " << sent;
}

}  // namespace
}  // namespace slipway::haproxy
