// The whole load balancer with the real HAProxy and targets on addresses of the box's loopback:
// inside tools/box only.
#include "elb/loop.h"

#include <atomic>
#include <cstdlib>
#include <net/if.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "elb/test_support.h"
#include "linux/process.h"
#include "net/http.h"

namespace slipway::elb {
namespace {

using std::chrono::steady_clock;

template <typename Predicate>
bool eventually(Predicate predicate, seconds time = seconds(15)) {
  const auto deadline = steady_clock::now() + time;
  const Stop never;
  while (steady_clock::now() < deadline) {
    if (predicate()) return true;
    never.wait_for(milliseconds(10));
  }
  return predicate();
}

// A target on its own address; its health can be told.
class Backend {
 public:
  explicit Backend(std::string address)
      : address_(std::move(address)),
        server_([this](net::Exchange& exchange) { answer(exchange); }),
        port_(server_.listen_tcp(address_, 0)) {}
  const std::string& address() const { return address_; }
  uint16_t port() const { return port_; }
  std::atomic<int> health{200};
  std::atomic<int> checks{0}, requests{0}, delay_ms{0};

 private:
  void answer(net::Exchange& exchange) {
    if (exchange.request().headers.get("user-agent") == "ELB-HealthChecker/2.0") {
      ++checks;
      exchange.respond(health, {}, "ok");
      return;
    }
    ++requests;
    if (delay_ms > 0) exchange.stop().wait_for(milliseconds(delay_ms.load()));
    exchange.respond(200, {}, address_ + " " + exchange.request().target);
  }
  std::string address_;
  net::Server server_;
  uint16_t port_;
};

std::pair<int, std::string> get(const std::string& url, net::Headers headers = {}) {
  net::ClientRequest request;
  request.url = url;
  request.headers = std::move(headers);
  request.idle_timeout = milliseconds(10'000);
  try {
    const auto response = net::request(request);
    return {response->status(), response->read_all()};
  } catch (const Error& e) {
    return {0, e.what()};
  }
}

class Balanced : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::getenv("SLIPWAY_BOX")) GTEST_SKIP() << "needs tools/box";
    for (const char* address : {"10.99.0.1/32", "10.99.0.2/32", "10.99.0.3/32"}) {
      linux::SpawnOptions add;
      add.argv = {"ip", "address", "replace", address, "dev", "lo"};
      linux::run_ok(add);
    }
    start();
  }
  void TearDown() override {
    if (!loop_) return;
    stop();
    loop_.emplace(deps());
    loop_->tear_down();
  }
  LoopDeps deps() { return {account_.store(), clock_, "/run/slipway"}; }
  void start() {
    loop_.emplace(deps());
    stop_ = Stop();
    thread_ = std::jthread([this] { loop_->run(stop_); });
  }
  void stop() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
    loop_.reset();
  }
  // The load balancer's own URL.
  std::string url_of(const std::string& name, uint16_t port = 80) {
    std::string out;
    account_.store().read([&](const store::Reader& db) {
      for (auto& address : addresses(db)) {
        if (address.name == name) out = fmt::format("http://{}:{}", address.address, port);
      }
    });
    return out;
  }
  std::string state_of_balancer(const std::string& name) {
    std::string out;
    account_.store().read([&](const store::Reader& db) {
      for (auto& address : addresses(db)) {
        if (address.name == name) out = address.state;
      }
    });
    return out;
  }
  void set_attribute(const std::string& group, const std::string& key, const std::string& value) {
    e::ModifyTargetGroupAttributesInput in;
    in.TargetGroupArn = group;
    auto& attribute = in.Attributes.emplace().emplace_back();
    attribute.Key = key;
    attribute.Value = value;
    account_.call(modify_target_group_attributes, in);
  }
  void add(const std::string& group, const Backend& backend) {
    account_.register_ip(group, backend.address(), backend.port());
  }
  void remove(const std::string& group, const Backend& backend) {
    account_.deregister_ip(group, backend.address(), backend.port());
  }
  bool becomes(const std::string& group, const std::string& states) {
    const bool did = eventually([&] { return account_.state_of(group) == states; });
    if (!did) ADD_FAILURE() << "is " << account_.state_of(group) << ", not " << states;
    return did;
  }

  Account account_;
  SystemClock clock_;
  Stop stop_;
  std::optional<Loop> loop_;
  std::jthread thread_;
};

TEST_F(Balanced, GoesFromProvisioningToServing) {
  const auto balancer = *account_.make_balancer("shop").LoadBalancerArn;
  const auto group = *account_.make_group("web").TargetGroupArn;
  account_.make_listener(balancer, 80, Account::forward(group));
  EXPECT_TRUE(eventually([&] { return state_of_balancer("shop") == "active"; }));
  EXPECT_TRUE(eventually([&] { return get(url_of("shop")).first == 503; })) << "no targets yet";
  const Backend a("10.99.0.1");
  add(group, a);
  becomes(group, "healthy -;");
  EXPECT_TRUE(eventually([&] { return get(url_of("shop") + "/x").second == "10.99.0.1 /x"; }));
  EXPECT_EQ(a.checks, 1) << "one pass is enough for a new target";
  EXPECT_EQ(get("http://127.0.0.1/").first, 200);
}

TEST_F(Balanced, ForwardsByRulesAndByBalancer) {
  const Backend a("10.99.0.1"), b("10.99.0.2");
  const auto shop = *account_.make_balancer("shop").LoadBalancerArn;
  const auto other = account_.make_balancer("other");
  const auto web = *account_.make_group("web").TargetGroupArn;
  const auto api = *account_.make_group("api").TargetGroupArn;
  add(web, a);
  add(api, b);
  const auto listener = *account_.make_listener(shop, 80, Account::forward(web)).ListenerArn;
  e::Action redirect;
  redirect.Type = "redirect";
  redirect.RedirectConfig.emplace().StatusCode = "HTTP_302";
  redirect.RedirectConfig->Path = "/shop";
  account_.make_listener(*other.LoadBalancerArn, 80, redirect);
  e::Action fixed;
  fixed.Type = "fixed-response";
  fixed.FixedResponseConfig.emplace().StatusCode = "418";
  fixed.FixedResponseConfig->MessageBody = "tea";
  account_.make_rule(listener, 5, "/tea", fixed);
  account_.make_rule(listener, 1, "/api/*", Account::forward(api));
  becomes(web, "healthy -;");
  becomes(api, "healthy -;");
  EXPECT_TRUE(
      eventually([&] { return get(url_of("shop") + "/api/1").second == "10.99.0.2 /api/1"; }));
  EXPECT_TRUE(eventually([&] { return get(url_of("shop") + "/").second == "10.99.0.1 /"; }));
  EXPECT_EQ(get(url_of("shop") + "/tea"), (std::pair<int, std::string>(418, "tea")));
  EXPECT_EQ(get(url_of("other") + "/x").first, 302);
  EXPECT_EQ(get("http://127.0.0.1/", {{"Host", *other.DNSName}}).first, 302);
  EXPECT_EQ(get("http://127.0.0.1/", {{"Host", "unknown"}}).first, 404);
}

TEST_F(Balanced, UnhealthyTargetsGetNoRequestsUnlessAllAre) {
  Backend a("10.99.0.1"), b("10.99.0.2");
  const auto shop = *account_.make_balancer("shop").LoadBalancerArn;
  const auto web = *account_.make_group("web").TargetGroupArn;
  account_.make_listener(shop, 80, Account::forward(web));
  b.health = 500;
  add(web, a);
  add(web, b);
  becomes(web, "healthy -;unhealthy Target.ResponseCodeMismatch;");
  EXPECT_TRUE(eventually([&] { return get(url_of("shop")).first == 200; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(url_of("shop")).second, "10.99.0.1 /");
  a.health = 500;
  becomes(web, "unhealthy Target.ResponseCodeMismatch;unhealthy Target.ResponseCodeMismatch;");
  EXPECT_TRUE(eventually([&] {
    const int before = b.requests;
    EXPECT_EQ(get(url_of("shop")).first, 200) << "fail open";
    return b.requests > before;
  }));
}

TEST_F(Balanced, DrainingKeepsWhatIsUnderWayAndEndsAfterItsDelay) {
  Backend a("10.99.0.1"), b("10.99.0.2");
  const auto shop = *account_.make_balancer("shop").LoadBalancerArn;
  const auto web = *account_.make_group("web").TargetGroupArn;
  set_attribute(web, "deregistration_delay.timeout_seconds", "2");
  account_.make_listener(shop, 80, Account::forward(web));
  add(web, a);
  becomes(web, "healthy -;");
  EXPECT_TRUE(eventually([&] { return get(url_of("shop")).first == 200; }));
  a.delay_ms = 1000;
  std::pair<int, std::string> slow;
  std::jthread client([&] { slow = get(url_of("shop") + "/slow"); });
  EXPECT_TRUE(eventually([&] { return a.requests == 2; }));
  add(web, b);
  becomes(web, "healthy -;healthy -;");
  remove(web, a);
  becomes(web, "draining Target.DeregistrationInProgress;healthy -;");
  EXPECT_TRUE(eventually([&] { return get(url_of("shop")).second == "10.99.0.2 /"; }));
  const int before = a.requests;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(url_of("shop")).second, "10.99.0.2 /");
  EXPECT_EQ(a.requests, before) << "no new requests while draining";
  client.join();
  EXPECT_EQ(slow, (std::pair<int, std::string>(200, "10.99.0.1 /slow")));
  becomes(web, "healthy -;");
}

// Targets come and go, rules change, the loop itself is replaced: no request is lost.
TEST_F(Balanced, NoRequestIsLostWhileEverythingChanges) {
  Backend a("10.99.0.1"), b("10.99.0.2"), c("10.99.0.3");
  const auto shop = *account_.make_balancer("shop").LoadBalancerArn;
  const auto web = *account_.make_group("web").TargetGroupArn;
  set_attribute(web, "deregistration_delay.timeout_seconds", "1");
  const auto listener = *account_.make_listener(shop, 80, Account::forward(web)).ListenerArn;
  add(web, a);
  becomes(web, "healthy -;");
  const std::string url = url_of("shop");
  ASSERT_TRUE(eventually([&] { return get(url).first == 200; }));
  std::atomic<int> sent{0}, failed{0};
  const Stop done;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      while (!done.wait_for(milliseconds(2)) && sent < 20'000) {
        ++sent;
        const auto answer = get(url + "/load");
        if (answer.first == 200) continue;
        if (++failed < 5) ADD_FAILURE() << answer.first << " " << answer.second;
      }
    });
  }
  add(web, b);
  becomes(web, "healthy -;healthy -;");
  remove(web, a);
  becomes(web, "healthy -;");
  const auto rule = account_.make_rule(listener, 1, "/other", Account::forward(web));
  add(web, c);
  becomes(web, "healthy -;healthy -;");
  stop();  // the daemon dies and comes back
  remove(web, b);
  start();
  becomes(web, "healthy -;");
  e::DeleteRuleInput drop;
  drop.RuleArn = rule.RuleArn;
  account_.call(delete_rule, drop);
  add(web, a);
  becomes(web, "healthy -;healthy -;");
  done.request();
  clients.clear();
  EXPECT_GT(sent, 100);
  EXPECT_EQ(failed, 0) << "of " << sent;
}

TEST_F(Balanced, HaproxyIsStartedAgainAndATakenPortHurtsOnlyItself) {
  Backend a("10.99.0.1");
  net::Server blocker([](net::Exchange& e) { e.respond(200, {}, "blocker"); });
  const uint16_t taken = blocker.listen_tcp("0.0.0.0", 0);
  const auto shop = *account_.make_balancer("shop").LoadBalancerArn;
  const auto web = *account_.make_group("web").TargetGroupArn;
  account_.make_listener(shop, 80, Account::forward(web));
  const auto second = *account_.make_listener(shop, taken, Account::forward(web)).ListenerArn;
  add(web, a);
  becomes(web, "healthy -;");
  EXPECT_TRUE(eventually([&] { return get(url_of("shop")).first == 200; }));
  EXPECT_TRUE(eventually([&] { return state_of_balancer("shop") == "active_impaired"; }));
  e::DeleteListenerInput drop;
  drop.ListenerArn = second;
  account_.call(delete_listener, drop);
  EXPECT_TRUE(eventually([&] { return state_of_balancer("shop") == "active"; }));

  const auto text = read_file("/run/slipway/haproxy/pid");
  const int pid = static_cast<int>(parse_int(split_once(text, ' ').first).value());
  const Fd handle = linux::open_pidfd(pid);
  linux::signal_pidfd(handle.get(), SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto now = read_file_if_exists("/run/slipway/haproxy/pid").value_or("");
    return now != text && get(url_of("shop")).first == 200;
  }));
}

}  // namespace
}  // namespace slipway::elb
