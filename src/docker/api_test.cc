// The API over a real unix socket, with an engine that has no containers and a registry that is
// told what to answer: what clients see of successes, refusals and errors.
#include "docker/api.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/hash.h"
#include "container/engine.h"
#include "docker/call.h"
#include "image/image.h"
#include "net/http.h"
#include "registry/client.h"
#include "store/store.h"

namespace slipway::docker {
namespace {

class FakeRegistry : public registry::Client {
 public:
  registry::Pulled pull(const image::Reference& name, const std::optional<registry::Credentials>&,
                        const registry::OnProgress& progress, const Stop&) override {
    asked = name.full();
    if (fail_late) progress({"0123456789ab", "Downloading", 512, 1024});
    throw not_found("manifest for {} not found", name.familiar());
  }
  image::Digest push(const image::Reference&, const std::optional<registry::Credentials>&,
                     const registry::OnProgress&, const Stop&) override {
    throw unauthorized("no basic auth credentials");
  }
  void check_login(std::string_view domain, const registry::Credentials& credentials,
                   const Stop&) override {
    asked = domain;
    if (credentials.password != "right") throw unauthorized("incorrect username or password");
  }
  std::string asked;
  bool fail_late = false;
};

struct Reply {
  int status = 0;
  net::Headers headers;
  std::string body;
  std::string message() const { return parse_json(body).value("message", ""); }
};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() { server_.listen_unix(root_ + "/docker.sock", 0600); }
  ~ApiTest() override {
    server_.stop();
    remove_tree(root_);
  }

  Reply call(const std::string& method, const std::string& path, const std::string& body = {},
             const net::Headers& headers = {}) {
    auto response = net::request({.method = method,
                                  .url = "unix:" + root_ + "/docker.sock:" + path,
                                  .headers = headers,
                                  .body = body});
    Reply out{response->status(), response->headers(), ""};
    out.body = response->read_all();
    return out;
  }

  const std::string root_ = [] {
    auto path = "/tmp/slipway-docker-" + random_hex(8);
    make_directories(path, 0700);
    return path;
  }();
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory();
  image::ContentStore content_{root_ + "/content"};
  image::Images images_{root_ + "/images", *store_, content_};
  container::Engine engine_{
      container::Engine::Options{.root = root_ + "/containers", .run_root = root_ + "/run"},
      *store_, images_, clock_};
  FakeRegistry registry_;
  Api api_{Deps{engine_, images_, registry_, nullptr, *store_, clock_, "9.9.9", root_, "node"}};
  net::Server server_{[this](net::Exchange& exchange) { api_.handle(exchange); }};
};

TEST_F(ApiTest, PingTellsVersionsWithAndWithoutBody) {
  const auto get = call("GET", "/_ping");
  EXPECT_EQ(get.body, "OK");
  const auto head = call("HEAD", "/_ping");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.headers.get("Api-Version"), fmt::format("1.{}", kMaxMinor));
  EXPECT_EQ(head.headers.get("Ostype"), "linux");
}

TEST_F(ApiTest, VersionsOutOfRangeAreRefusedWithTheReferencesWords) {
  const auto reply = call("GET", "/v1.99/info");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.message(),
            "client version 1.99 is too new. Maximum supported API version is 1.50");
  EXPECT_EQ(call("GET", "/v1.24/info").status, 200);
}

TEST_F(ApiTest, UnknownPagesAre404AndUnfinishedOnesAre501) {
  EXPECT_EQ(call("GET", "/v1.50/nothing").message(), "page not found");
  EXPECT_EQ(call("POST", "/info").status, 404);
  EXPECT_EQ(call("GET", "/v1.50/images/search?term=a").status, 501);
  EXPECT_EQ(call("POST", "/build").status, 501);
  EXPECT_EQ(call("GET", "/nodes").status, 503);
}

TEST_F(ApiTest, InfoAndVersionHaveTheShapesThatClientsRead) {
  const auto info = parse_json(call("GET", "/info").body);
  EXPECT_EQ(info["ServerVersion"], "9.9.9");
  EXPECT_TRUE(info["Plugins"]["Log"].is_array());
  EXPECT_TRUE(info["DriverStatus"][0].is_array());
  EXPECT_TRUE(info["SecurityOptions"].is_array());
  EXPECT_TRUE(info["SwapLimit"].is_boolean());
  EXPECT_TRUE(info["OomKillDisable"].is_boolean());
  const auto version = parse_json(call("GET", "/version").body);
  EXPECT_EQ(version["Components"][0]["Name"], "Engine");
  EXPECT_EQ(version["ApiVersion"], "1.50");
  EXPECT_TRUE(parse_json(call("GET", "/system/df").body)["Volumes"].is_array());
}

TEST_F(ApiTest, MalformedBodiesAndParametersAre400AndSayWhere) {
  const auto broken = call("POST", "/containers/create", "{\"Image\": ");
  EXPECT_EQ(broken.status, 400);
  EXPECT_NE(broken.message().find("line 1, column"), std::string::npos) << broken.message();
  EXPECT_EQ(call("POST", "/containers/create", "[]").status, 400);
  EXPECT_EQ(call("POST", "/containers/create", "{}").status, 400);
  EXPECT_EQ(call("POST", "/containers/create", std::string(5 << 20, ' ')).status, 413);
  EXPECT_EQ(call("GET", "/containers/json?filters=%7B%22no%22%3A%5B%22x%22%5D%7D").message(),
            "invalid filter 'no'");
  EXPECT_EQ(call("GET", "/containers/json?limit=many").status, 400);
  EXPECT_EQ(call("GET", "/containers/%zz/json").status, 400);
}

TEST_F(ApiTest, WhatIsNotThereIs404InTheReferencesWords) {
  for (const auto* path :
       {"/containers/web/json", "/containers/web/logs?stdout=1", "/containers/web/top"}) {
    EXPECT_EQ(call("GET", path).message(), "No such container: web") << path;
  }
  for (const auto* path : {"/containers/web/start", "/containers/web/stop", "/containers/web/wait",
                           "/containers/web/attach?stream=1", "/containers/web/exec"}) {
    const auto reply = call("POST", path, "{}");
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_EQ(reply.message(), "No such container: web") << path;
  }
  const auto create = call("POST", "/containers/create", R"({"Image":"app:1"})");
  EXPECT_EQ(create.status, 404);
  EXPECT_EQ(create.message(), "No such image: app:1");
  EXPECT_EQ(call("GET", "/images/app/json").message(), "No such image: app:latest");
  EXPECT_EQ(call("GET", "/networks/mine").message(), "network mine not found");
  EXPECT_EQ(call("GET", "/volumes/mine").message(), "get mine: no such volume");
  EXPECT_EQ(call("DELETE", "/networks/bridge").status, 403);
}

TEST_F(ApiTest, PullThatFailsAtOnceHasAStatusAndLaterAnErrorLine) {
  const auto early = call("POST", "/images/create?fromImage=localhost:1/app&tag=1");
  EXPECT_EQ(early.status, 404);
  EXPECT_EQ(registry_.asked, "localhost:1/app:1");
  registry_.fail_late = true;
  const auto late = call("POST", "/images/create?fromImage=busybox&tag=latest");
  EXPECT_EQ(late.status, 200);
  EXPECT_EQ(registry_.asked, "docker.io/library/busybox:latest");
  EXPECT_NE(late.body.find("\"error\":\"manifest for busybox:latest not found\""),
            std::string::npos)
      << late.body;
  EXPECT_NE(late.body.find("512B/1.024kB"), std::string::npos) << late.body;
  EXPECT_EQ(call("POST", "/images/create?fromImage=busybox").status, 501);  // all tags
  EXPECT_EQ(call("POST", "/images/create?fromImage=Bad&tag=1").status, 400);
  EXPECT_EQ(call("POST", "/images/create").status, 400);
}

TEST_F(ApiTest, PushOfWhatIsNotHereIs404) {
  EXPECT_EQ(call("POST", "/images/localhost:1/app/push?tag=1").message(),
            "An image does not exist locally with the tag: localhost:1/app");
}

TEST_F(ApiTest, LoginAsksTheRegistry) {
  const auto right =
      call("POST", "/auth",
           R"({"username":"u","password":"right","serveraddress":"https://host:5000/v2/"})");
  EXPECT_EQ(right.status, 200);
  EXPECT_EQ(parse_json(right.body)["Status"], "Login Succeeded");
  EXPECT_EQ(registry_.asked, "host:5000");
  EXPECT_EQ(call("POST", "/auth", R"({"username":"u","password":"wrong"})").status, 401);
  EXPECT_EQ(call("POST", "/auth", "{}").status, 400);
}

TEST_F(ApiTest, ImagesAreListedInspectedTaggedAndRemoved) {
  image::Config config;
  config.cmd = {"/app"};
  config.labels = {{"team", "red"}};
  config.created = "2026-01-02T03:04:05Z";
  config.history = {{"2026-01-02T03:04:05Z", "CMD [\"/app\"]", "", true}};
  const auto made = images_.create(config, {});
  images_.tag(made.id, image::Reference::parse("app:1"));
  const auto list = parse_json(call("GET", "/images/json").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["RepoTags"], Json({"app:1"}));
  EXPECT_EQ(list[0]["Labels"]["team"], "red");
  const auto details = parse_json(call("GET", "/images/app:1/json").body);
  EXPECT_EQ(details["Config"]["Cmd"], Json({"/app"}));
  EXPECT_EQ(details["Created"], "2026-01-02T03:04:05.000000000Z");
  const auto history = parse_json(call("GET", "/images/app:1/history").body);
  EXPECT_EQ(history[0]["CreatedBy"], "CMD [\"/app\"]");
  EXPECT_EQ(call("POST", "/images/app:1/tag?repo=host/team/app&tag=2").status, 201);
  const auto filter = percent_encode(R"({"reference":{"host/team/*":true}})");
  EXPECT_EQ(parse_json(call("GET", "/images/json?filters=" + filter).body).size(), 1u);
  const auto none = percent_encode(R"({"label":["team=blue"]})");
  EXPECT_EQ(parse_json(call("GET", "/images/json?filters=" + none).body).size(), 0u);
  EXPECT_EQ(call("DELETE", "/images/app:1").body, "[{\"Untagged\":\"app:1\"}]\n");
  EXPECT_EQ(call("DELETE", "/images/host/team/app:2").status, 200);
  EXPECT_EQ(call("GET", "/images/json").body, "[]\n");
}

TEST_F(ApiTest, VolumesAreMadeListedAndRemoved) {
  const auto made = call("POST", "/volumes/create", R"({"Name":"data","Labels":{"a":"b"}})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(parse_json(call("GET", "/volumes").body)["Volumes"][0]["Name"], "data");
  EXPECT_EQ(call("POST", "/volumes/create", R"({"Name":"../up"})").status, 400);
  EXPECT_EQ(call("POST", "/volumes/create", R"({"Driver":"nfs"})").status, 404);
  EXPECT_EQ(call("DELETE", "/volumes/data").status, 204);
  EXPECT_EQ(call("DELETE", "/volumes/data").status, 404);
  EXPECT_EQ(call("DELETE", "/volumes/data?force=1").status, 204);
}

TEST_F(ApiTest, VolumesWithOptionsAndOfASwarm) {
  const std::string options =
      R"({"Name":"tmp","DriverOpts":{"type":"tmpfs","device":"t","o":"ro"}})";
  const auto made = parse_json(call("POST", "/volumes/create", options).body);
  EXPECT_EQ(made["Options"]["o"], "ro");
  EXPECT_EQ(call("POST", "/volumes/create", R"({"DriverOpts":{"color":"red"}})").status, 400);
  const auto cluster = call("POST", "/volumes/create", R"({"ClusterVolumeSpec":{"Group":"g"}})");
  EXPECT_EQ(cluster.status, 503);
  EXPECT_NE(cluster.message().find("swarm"), std::string::npos);
  const auto names = [&](const std::string& filters) {
    return parse_json(call("GET", "/volumes?filters=" + percent_encode(filters)).body)["Volumes"]
        .size();
  };
  EXPECT_EQ(names(R"({"name":["^tmp$"]})"), 1u);
  EXPECT_EQ(names(R"({"name":["^w"]})"), 0u);
  EXPECT_EQ(names(R"({"label!":["keep"]})"), 1u);
}

TEST_F(ApiTest, ContainersCanBeAskedForByPort) {
  const auto ask = [&](const std::string& value) {
    const auto filter = percent_encode(R"({"publish":[")" + value + R"("]})");
    return call("GET", "/containers/json?filters=" + filter).status;
  };
  EXPECT_EQ(ask("80"), 200);
  EXPECT_EQ(ask("80-90/udp"), 200);
}

TEST_F(ApiTest, EventsArriveWhileTheyHappenAndEndAtUntil) {
  const auto until = to_epoch_ms(clock_.now()) / 1000 + 2;
  auto response = net::request(
      {.url = "unix:" + root_ + "/docker.sock:/events?until=" + std::to_string(until)});
  engine_.publish({clock_.now(), "image", "tag", "sha256:1", {{"name", "app"}}});
  const auto line = parse_json(response->read_all());
  EXPECT_EQ(line["Action"], "tag");
  EXPECT_EQ(line["Actor"]["Attributes"]["name"], "app");
  // What has happened is kept.
  const auto past = call("GET", fmt::format("/events?since=1000&until={}", until));
  EXPECT_EQ(parse_json(past.body)["Action"], "tag");
  EXPECT_EQ(call("GET", fmt::format("/events?since={}&until={}", until + 10, until + 10)).body, "");
  EXPECT_EQ(call("GET", "/events?since=5&until=4").status, 400);
}

}  // namespace
}  // namespace slipway::docker
