#include "haproxy/render.h"

#include <gtest/gtest.h>
#include <random>
#include <regex>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "haproxy/escape.h"
#include "haproxy/render_parts.h"
#include "linux/process.h"

namespace slipway::haproxy {
namespace {

const std::string golden_directory = SLIPWAY_GOLDEN_DIR "/haproxy";

void expect_golden(const std::string& name, const std::string& actual) {
  const std::string path = golden_directory + "/" + name + ".cfg";
  if (std::getenv("ACCEPT")) write_file(path, actual);
  const auto expected = read_file_if_exists(path);
  ASSERT_TRUE(expected) << "no golden file " << path << "; make it with ACCEPT=1";
  EXPECT_EQ(*expected, actual) << path;
}

Forward to(const std::string& group) {
  return {{{group, 1}}, {}};
}

LoadBalancer balancer(const std::string& id, const std::string& address) {
  LoadBalancer lb;
  lb.id = id;
  lb.address = address;
  lb.dns_name = id + "-1.us-east-1.elb.localhost";
  return lb;
}

TargetGroup group(const std::string& id, std::vector<Slot> slots) {
  TargetGroup g;
  g.id = id;
  g.slots = std::move(slots);
  return g;
}

Model simple() {
  Model model;
  auto lb = balancer("shop", "127.64.0.1");
  lb.listeners.push_back({80, {}, to("web"), true});
  model.load_balancers = {lb};
  model.target_groups = {group("web", {{"10.0.0.5", 8080, true}, {"10.0.0.6", 8080, false}, {}})};
  model.shared_ports = {80};
  return model;
}

// Two balancers on one port, every kind of condition and action.
Model rich() {
  Model model = simple();
  auto& shop = model.load_balancers[0];
  Rule api{{{Field::path, {}, {"/api/*", "/v?/*.json"}, {}}}, to("api")};
  Rule host{{{Field::host, {}, {"*.Example.com", "shop.example.com"}, {}}}, to("web")};
  Rule fixed{
      {{Field::header, "X-Mode", {"off*", "a b"}, {}}, {Field::method, {}, {"GET", "HEAD"}, {}}},
      FixedResponse{503, "text/plain", "closed \"for\" today\r\nbackend evil\n"}};
  Rule redirect{{{Field::query, {}, {}, {{"lang", "d?"}, {std::nullopt, "*x\\*"}}},
                 {Field::source_ip, {}, {"10.0.0.0/8"}, {}}},
                Redirect{301, "HTTPS", "#{host}", "443", "/new/#{path}", "#{query}&from='old'"}};
  Rule weighted{{{Field::path, {}, {"/beta*"}, {}}},
                Forward{{{"web", 1}, {"api", 3}}, std::chrono::seconds(60)}};
  shop.listeners[0].rules = {api, host, fixed, redirect, weighted};
  shop.listeners.push_back({8080, {api, host}, to("web"), true});
  auto admin = balancer("admin", "127.64.0.2");
  admin.listeners.push_back({80, {}, Redirect{}, false});
  admin.forwarded_for = ForwardedFor::remove;
  admin.preserve_host = true;
  admin.drop_invalid_headers = true;
  model.load_balancers.push_back(admin);
  auto api_group = group("api", {{}, {}});
  api_group.algorithm = Algorithm::least_outstanding_requests;
  api_group.sticky = std::chrono::seconds(3600);
  model.target_groups.push_back(api_group);
  return model;
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/slipway-haproxy-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { remove_tree(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What `haproxy -c` says; empty when it is content.
std::string complaints(const Rendered& rendered, const std::string& folder) {
  for (auto& [name, bytes] : rendered.files) write_file(folder + "/" + name, bytes);
  write_file(folder + "/haproxy.cfg", rendered.config);
  linux::SpawnOptions spawn;
  spawn.argv = {"haproxy", "-c", "-f", folder + "/haproxy.cfg"};
  const auto result = linux::run(spawn);
  return result.status.ok() && result.err.empty() ? "" : result.err + result.status.describe();
}

TEST(Render, PlainForwardNeedsNoVariables) {
  expect_golden("simple", render(simple(), {"/run/files", 2, 10'000, "", ""}).config);
}

TEST(Render, EveryConditionAndAction) {
  expect_golden("rich", render(rich(), {"/run/files", 2, 10'000, "haproxy", "haproxy"}).config);
}

TEST(Render, HaproxyAcceptsBothWithoutAWarning) {
  const Folder folder;
  EXPECT_EQ(complaints(render(simple(), {folder.path(), 2, 10'000, "", ""}), folder.path()), "");
  EXPECT_EQ(complaints(render(rich(), {folder.path(), 2, 10'000, "", ""}), folder.path()), "");
}

TEST(Render, TargetsDoNotChangeTheStructureRulesDo) {
  Model model = rich();
  const RenderOptions options{"/run/files", 2, 10'000, "", ""};
  const auto before = render(model, options).structure;
  model.target_groups[0].slots[2] = {"10.0.0.9", 80, true};
  EXPECT_EQ(render(model, options).structure, before);
  model.load_balancers[0].listeners[0].rules.pop_back();
  EXPECT_NE(render(model, options).structure, before);
}

TEST(Render, AwsPagesHaveTheirLength) {
  EXPECT_EQ(page(503).size(), 162u);
  EXPECT_EQ(page(502).size(), 122u);
}

TEST(Render, RefusesWhatItCannotSay) {
  Model model = simple();
  model.load_balancers[0].address = "127.0.0.1:80\nbackend x";
  EXPECT_THROW(render(model, {}), Error);
  model = simple();
  model.load_balancers[0].listeners[0].rules = {{{{Field::header, "X\nY", {"a"}, {}}}, to("web")}};
  EXPECT_THROW(render(model, {}), Error);
  model = simple();
  model.load_balancers[0].listeners[0].rules = {
      {{{Field::source_ip, {}, {"10.0.0.0/8 or TRUE"}, {}}}, to("web")}};
  EXPECT_THROW(render(model, {}), Error);
  model = simple();
  model.load_balancers[0].listeners[0].default_action =
      Redirect{301, "http", "#{hos", "1", "/", ""};
  EXPECT_THROW(render(model, {}), Error);
}

TEST(Escape, WildcardsAreOnlyStarAndQuestionMark) {
  EXPECT_EQ(wildcard_regex("/a.b*?"), "\\x2fa\\x2eb.*.");
  EXPECT_EQ(wildcard_regex("a**b"), "a.*b");
  EXPECT_EQ(wildcard_regex("\\*x", ".*", ".", true), "\\x2ax");
  EXPECT_TRUE(std::regex_match("x(y)", std::regex(wildcard_regex("x(*)"))));
  EXPECT_FALSE(std::regex_match("xy", std::regex(wildcard_regex("x(*)"))));
}

TEST(Escape, LocationKeepsItsOwnPercentSignsApart) {
  EXPECT_EQ(location_literal("/a b%20c%zz'\"\\\n"), "/a%%20b%%20c%%25zz%%27%%22%%5C%%0A");
}

std::string hostile(std::mt19937& random, size_t most) {
  static const std::vector<std::string> pieces = {"'",
                                                  "\"",
                                                  "\\",
                                                  "\n",
                                                  "\r",
                                                  "#",
                                                  " ",
                                                  "%",
                                                  "%[env(HOME)]",
                                                  "${HOME}",
                                                  "$",
                                                  "{",
                                                  "}",
                                                  "[",
                                                  "]",
                                                  "(",
                                                  ")",
                                                  ",",
                                                  ";",
                                                  "*",
                                                  "?",
                                                  "|",
                                                  "^",
                                                  "\t",
                                                  std::string(1, '\0'),
                                                  "\xff",
                                                  "ä",
                                                  "a",
                                                  "Z",
                                                  "0",
                                                  "/",
                                                  ".",
                                                  "-",
                                                  "_",
                                                  "\\x",
                                                  "\\Q",
                                                  " if TRUE",
                                                  "\nbackend x\n",
                                                  "'\\''",
                                                  "%%",
                                                  "=",
                                                  "&",
                                                  "~",
                                                  ":"};
  std::string out;
  const size_t count = 1 + random() % most;
  for (size_t i = 0; i < count; ++i) out += pieces[random() % pieces.size()];
  return out;
}

Model hostile_model(std::mt19937& random) {
  Model model = rich();
  auto& rules = model.load_balancers[0].listeners[0].rules;
  for (int i = 0; i < 40; ++i) {
    Rule rule;
    const auto text = [&] { return hostile(random, 12); };
    rule.conditions = {{Field::path, {}, {text(), text()}, {}},
                       {Field::host, {}, {text()}, {}},
                       {Field::header, "X-Any", {text()}, {}},
                       {Field::query, {}, {}, {{text(), text()}, {std::nullopt, text()}}}};
    switch (random() % 3) {
      case 0:
        rule.action = to("web");
        break;
      case 1:
        rule.action = FixedResponse{404, "text/html", text()};
        break;
      default:
        rule.action = Redirect{302,
                               "#{protocol}",
                               replace_all(text(), "#", "x"),
                               "#{port}",
                               "/" + replace_all(text(), "#", "x") + "#{path}",
                               "#{query}"};
    }
    rules.push_back(std::move(rule));
  }
  return model;
}

// Seeded: hostile values neither upset haproxy nor make a line of their own.
TEST(Render, HostileValuesStayValues) {
  static const std::set<std::string> words = {"acl",
                                              "http-request",
                                              "http-after-response",
                                              "use_backend",
                                              "default_backend",
                                              "bind",
                                              "timeout",
                                              "balance",
                                              "cookie",
                                              "dynamic-cookie-key",
                                              "server",
                                              "description",
                                              "nbthread",
                                              "user",
                                              "group",
                                              "maxconn",
                                              "tune.bufsize",
                                              "tune.maxrewrite",
                                              "tune.http.maxhdr",
                                              "hard-stop-after",
                                              "mworker-max-reloads",
                                              "mode",
                                              "option",
                                              "retries",
                                              "errorfile"};
  const Folder folder;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Model model = hostile_model(random);
    const auto rendered = render(model, {folder.path(), 2, 10'000, "", ""});
    EXPECT_EQ(complaints(rendered, folder.path()), "");
    size_t sections = 0;
    for (auto& line : split(rendered.config, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      if (line[0] != ' ') {
        ++sections;
        continue;
      }
      EXPECT_TRUE(words.contains(split_once(trim(line), ' ').first)) << line;
    }
    EXPECT_EQ(sections, 2u + 2u + 3u + 1u + 2u)
        << "global, defaults, handover, nobody, own, shared, groups";
  }
}

}  // namespace
}  // namespace slipway::haproxy
