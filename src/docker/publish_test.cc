// What is said when things go: the layers that go with an image, and the events of removals and
// prunes. Over a real unix socket; there are no containers.
#include "docker/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/ids.h"
#include "docker/api.h"
#include "image/testing.h"
#include "net/http.h"
#include "registry/client.h"

namespace slipway::docker {
namespace {

using testing::ElementsAre;

class NoRegistry : public registry::Client {
 public:
  registry::Pulled pull(const image::Reference&, const std::optional<registry::Credentials>&,
                        const registry::OnProgress&, const Stop&) override {
    throw unavailable("no registry");
  }
  image::Digest push(const image::Reference&, const std::optional<registry::Credentials>&,
                     const registry::OnProgress&, const Stop&) override {
    throw unavailable("no registry");
  }
  void check_login(std::string_view, const registry::Credentials&, const Stop&) override {}
};

class PublishTest : public testing::Test {
 protected:
  PublishTest() { server_.listen_unix(images_.root + "/docker.sock", 0600); }
  ~PublishTest() override { server_.stop(); }

  Json call(const std::string& method, const std::string& path, const std::string& body = {}) {
    auto response = net::request(
        {.method = method, .url = "unix:" + images_.root + "/docker.sock:" + path, .body = body});
    status_ = response->status();
    const auto text = response->read_all();
    return text.empty() ? Json() : parse_json(text);
  }
  // "image delete sha256:...", as docker events tells it, from the beginning.
  std::vector<std::string> events() {
    uint64_t cursor = engine_.events_since(TimePoint());
    std::vector<std::string> out;
    for (const auto& event : engine_.events(cursor, Stop(), std::chrono::steady_clock::now()))
      out.push_back(event.type + " " + event.action + " " + event.id);
    return out;
  }
  std::string image(const std::string& name, const std::vector<image::Images::Layer>& layers) {
    image::Config config;
    config.cmd = {name};
    std::vector<image::Descriptor> blobs;
    for (const auto& layer : layers) {
      config.diff_ids.push_back(layer.diff_id);
      blobs.push_back(layer.descriptor);
    }
    const auto made = images_.images->create(config, blobs);
    images_.images->tag(made.id, image::Reference::parse(name));
    return made.id;
  }

  SystemClock clock_;
  image::TestImages images_;
  container::Engine engine_{container::Engine::Options{.root = images_.root + "/containers",
                                                       .run_root = images_.root + "/run"},
                            *images_.store, *images_.images, clock_};
  NoRegistry registry_;
  Api api_{Deps{engine_, *images_.images, registry_, nullptr, *images_.store, clock_, "9.9.9",
                images_.root, "node"}};
  net::Server server_{[this](net::Exchange& exchange) { api_.handle(exchange); }};
  int status_ = 0;
};

TEST_F(PublishTest, AChainIdTellsWhatLiesBelow) {
  const std::string a = "sha256:" + std::string(64, 'a'), b = "sha256:" + std::string(64, 'b');
  EXPECT_EQ(chain_ids({}).size(), 0u);
  EXPECT_THAT(chain_ids({a, b}), ElementsAre(a, "sha256:" + sha256_hex(a + " " + b)));
  EXPECT_NE(chain_ids({a, b})[1], chain_ids({b, b})[1]);
}

TEST_F(PublishTest, RemovalNamesTheLayersThatReallyGoTheTopOneFirst) {
  const auto shared = images_.layer("shared", "s"), own = images_.layer("own", "o"),
             top = images_.layer("top", "t");
  const auto one = image("one:1", {shared, own, top});
  const auto two = image("two:1", {shared});
  const auto chain = chain_ids({shared.diff_id, own.diff_id, top.diff_id});
  EXPECT_EQ(call("DELETE", "/images/one:1"), Json::parse(fmt::format(
                                                 R"([{{"Untagged":"one:1"}},{{"Deleted":"{}"}},
                                                 {{"Deleted":"{}"}},{{"Deleted":"{}"}}])",
                                                 one, chain[2], chain[1])));
  const auto rest = call("DELETE", "/images/two:1");
  ASSERT_EQ(rest.size(), 3u) << rest;
  EXPECT_EQ(rest[2], Json({{"Deleted", shared.diff_id}}));
  EXPECT_THAT(events(), ElementsAre("image untag " + one, "image delete " + one,
                                    "image untag " + two, "image delete " + two));
}

TEST_F(PublishTest, AnUntaggedImageKeepsItsLayers) {
  const auto id = image("kept:1", {images_.layer("file", "f")});
  images_.images->tag(id, image::Reference::parse("kept:2"));
  EXPECT_EQ(call("DELETE", "/images/kept:1"), Json::parse(R"([{"Untagged":"kept:1"}])"));
}

TEST_F(PublishTest, PrunesAndVolumesAreTold) {
  call("POST", "/volumes/create", R"({"Name":"data"})");
  call("POST", "/volumes/create", R"({"Name":"data"})");  // it is there: nothing happens
  call("POST", "/containers/prune");
  call("POST", "/images/prune");
  call("POST", "/networks/prune");
  const auto pruned = call("POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D");
  EXPECT_EQ(pruned["VolumesDeleted"], Json({"data"}));
  EXPECT_THAT(events(), ElementsAre("volume create data", "container prune ", "image prune ",
                                    "network prune ", "volume destroy data", "volume prune "));
}

TEST_F(PublishTest, ALinkIsRemovedByItsOwnName) {
  EXPECT_EQ(call("DELETE", "/containers/web/db?link=1")["message"], "No such container: web");
  EXPECT_EQ(status_, 404);
  EXPECT_EQ(call("DELETE", "/containers/web/db")["message"], "No such container: web/db");
}

}  // namespace
}  // namespace slipway::docker
