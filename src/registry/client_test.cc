#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/json.h"
#include "image/manifest.h"
#include "registry/collect.h"
#include "registry/testing.h"

namespace slipway::registry {
namespace {

using image::Reference;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::string ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

class RegistryClient : public ::testing::Test {
 protected:
  OnProgress watch() {
    return [this](const Progress& p) {
      if (p.current == 0) statuses_.push_back(p.status);
    };
  }
  image::Image tagged(const std::string& name, const std::string& text = "hello") {
    auto image = r.t.image("hello", text);
    r.t.images->tag(image.id, Reference::parse(name));
    return image;
  }

  TestRegistry r;
  std::vector<std::string> statuses_;
};

TEST_F(RegistryClient, LocalDomainsAreEcrs) {
  EXPECT_TRUE(local_domain(ecr));
  EXPECT_TRUE(local_domain("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"));
  for (const char* other : {"docker.io", "localhost:4566", "x.dkr.ecr.us-east-1.amazonaws.com",
                            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.org"})
    EXPECT_FALSE(local_domain(other)) << other;
}

TEST_F(RegistryClient, LocalPushMovesNoBytesAndPullIsALookUp) {
  r.repository("app");
  const auto image = tagged(ecr + "/app:v1");
  const auto blobs = r.t.content->list().size();
  const auto name = Reference::parse(ecr + "/app:v1");
  const auto digest = r.client()->push(name, r.credentials(), watch(), {});
  EXPECT_EQ(digest, image.manifest_digest);
  EXPECT_EQ(r.t.content->list().size(), blobs);
  EXPECT_THAT(statuses_, ::testing::ElementsAre("Pushed"));
  r.client()->push(name, r.credentials(), watch(), {});
  EXPECT_EQ(statuses_.back(), "Layer already exists");

  r.t.images->remove(image.id, true, {});
  const auto pulled = r.client()->pull(name, r.credentials(), {}, {});
  EXPECT_EQ(pulled.image_id, image.id);
  EXPECT_EQ(pulled.manifest_digest, digest);
  EXPECT_EQ(r.t.images->get(ecr + "/app:v1").id, image.id);
  EXPECT_EQ(r.t.images->get(ecr + "/app@" + digest).id, image.id);
}

TEST_F(RegistryClient, LocalNamesNeedCredentialsUnlessTrusted) {
  r.repository("app");
  tagged(ecr + "/app:v1");
  const auto name = Reference::parse(ecr + "/app:v1");
  EXPECT_THAT([&] { r.client()->push(name, {}, {}, {}); },
              ThrowsMessage<Error>("no basic auth credentials"));
  EXPECT_THROW(r.client()->push(name, Credentials{"AWS", "wrong"}, {}, {}), Error);
  EXPECT_THROW(r.client()->pull(name, {}, {}, {}), Error);
  r.client(true)->push(name, {}, {}, {});
  EXPECT_NO_THROW(r.client(true)->pull(name, {}, {}, {}));
}

TEST_F(RegistryClient, LocalErrorsReadAsDockerShowsEcrs) {
  tagged(ecr + "/absent:v1");
  EXPECT_THAT(
      [&] { r.client()->push(Reference::parse(ecr + "/absent:v1"), r.credentials(), {}, {}); },
      ThrowsMessage<Error>("name unknown: The repository with name 'absent' does not exist in the "
                           "registry with id '123456789012'"));
  r.repository("app");
  EXPECT_THAT(
      [&] { r.client()->pull(Reference::parse(ecr + "/app:v9"), r.credentials(), {}, {}); },
      ThrowsMessage<Error>("manifest for " + ecr +
                           "/app:v9 not found: manifest unknown: Requested image not found"));
}

TEST_F(RegistryClient, CollectionKeepsWhatARepositoryHolds) {
  r.repository("app");
  const auto kept = tagged(ecr + "/app:v1", "kept"), gone = tagged("other:v1", "gone");
  const auto name = Reference::parse(ecr + "/app:v1");
  r.client(true)->push(name, {}, {}, {});
  for (const auto& id : {kept.id, gone.id}) r.t.images->remove(id, true, {});
  EXPECT_EQ(collect(*r.t.store, *r.t.images, r.clock), 0u) << "too young";
  EXPECT_GT(collect(*r.t.store, *r.t.images, r.clock, {}, seconds(0)), 0u);
  EXPECT_FALSE(r.t.content->has(gone.layers[0].digest));
  EXPECT_EQ(r.client(true)->pull(name, {}, {}, {}).image_id, kept.id);
}

TEST_F(RegistryClient, ChecksLogins) {
  EXPECT_NO_THROW(r.client()->check_login(ecr, r.credentials(), {}));
  EXPECT_THROW(r.client()->check_login(ecr, {"AWS", "x"}, {}), Error);
  EXPECT_NO_THROW(r.client()->check_login(r.host(), r.credentials(), {}));
  EXPECT_THROW(r.client()->check_login(r.host(), {"AWS", "x"}, {}), Error);
}

// Two registries; one is foreign to the other.
class ForeignRegistry : public RegistryClient {
 protected:
  ForeignRegistry() { far.repository("app"); }
  TestRegistry far;
};

TEST_F(ForeignRegistry, PushesAndPullsOverHttp) {
  const auto name = far.host() + "/app:v1";
  const auto image = tagged(name, std::string(3 << 20, 'x'));
  const auto ref = Reference::parse(name);
  const auto digest = r.client()->push(ref, far.credentials(), watch(), {});
  EXPECT_EQ(digest, image.manifest_digest);
  EXPECT_EQ(statuses_.back(), "Pushed");
  r.client()->push(ref, far.credentials(), watch(), {});
  EXPECT_EQ(statuses_.back(), "Layer already exists");

  TestRegistry third;
  const auto pulled = third.client()->pull(ref, far.credentials(), watch(), {});
  EXPECT_EQ(pulled.image_id, image.id);
  EXPECT_EQ(statuses_.back(), "Pull complete");
  const auto found = third.t.images->get(name);
  EXPECT_EQ(found.manifest_digest, digest);
  EXPECT_EQ(read_file(third.t.images->unpack(found, {})[0] + "/hello").size(), 3u << 20);
  third.client()->pull(Reference::parse(far.host() + "/app@" + digest), far.credentials(), {}, {});
  EXPECT_TRUE(third.t.images->find(far.host() + "/app@" + digest));
}

TEST_F(ForeignRegistry, SaysWhyItCannot) {
  const auto name = Reference::parse(far.host() + "/app:v1");
  EXPECT_THAT([&] { r.client()->pull(name, {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("no basic auth credentials")));
  EXPECT_THAT([&] { r.client()->pull(name, far.credentials(), {}, {}); },
              ThrowsMessage<Error>(HasSubstr("manifest unknown: Requested image not found")));
  tagged(far.host() + "/none:v1");
  EXPECT_THAT(
      [&] {
        r.client()->push(Reference::parse(far.host() + "/none:v1"), far.credentials(), {}, {});
      },
      ThrowsMessage<Error>(HasSubstr("name unknown: The repository with name 'none'")));
}

// A registry that gives bearer tokens, and lies on demand.
class BearerRegistry : public RegistryClient {
 protected:
  void handle(net::Exchange& http) {
    const auto& request = http.request();
    if (request.path == "/token") {
      scope_ = request.query;
      return http.respond(200, {}, R"({"token":"sesame"})");
    }
    if (request.headers.get("Authorization") != "Bearer sesame")
      return http.respond(401,
                          {{"WWW-Authenticate", fmt::format("Bearer realm=\"http://{}/token\","
                                                            "service=\"far\",scope=\"x\"",
                                                            host())}},
                          "");
    const auto found = files_.find(request.path);
    if (found == files_.end())
      return http.respond(404, {}, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]})");
    if (request.path.find("/blobs/") != std::string::npos && found->second.size() > 100'000)
      return give_big(http, found->second);
    if (redirect_ && request.path.find("/v2/app/blobs/") == 0)
      return http.respond(307, {{"Location", "/cdn" + request.path}}, "");
    http.respond(200, {{"Content-Type", type_}}, found->second);
  }
  // A blob whose connection breaks after every 60000 bytes, with ranges or without.
  void give_big(net::Exchange& http, const std::string& bytes) {
    const std::string range(http.request().headers.get("Range"));
    ranges_.push_back(range);
    const size_t from = ranges_known_ && !range.empty() ? std::stoul(range.substr(6)) : 0;
    net::Headers headers;
    if (from > 0)
      headers.add("Content-Range",
                  fmt::format("bytes {}-{}/{}", from, bytes.size() - 1, bytes.size()));
    http.begin(from > 0 ? 206 : 200, headers, bytes.size() - from);
    const size_t until = ranges_known_ ? from + 60'000 : 60'000 * ranges_.size();
    if (bytes.size() <= until) {
      http.write(std::string_view(bytes).substr(from));
      return http.finish();
    }
    http.write(std::string_view(bytes).substr(from, until - from));
    throw unavailable("the line is cut");
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  void serve(const image::Image& image, const std::string& tag) {
    type_ = image.manifest_media_type;
    const std::string base = "/v2/app/";
    files_[base + "manifests/" + tag] = r.t.content->read(image.manifest_digest);
    for (const auto& digest : {image.id, image.layers[0].digest}) {
      files_[base + "blobs/" + digest] = r.t.content->read(digest);
      files_["/cdn" + base + "blobs/" + digest] = r.t.content->read(digest);
    }
  }

  std::map<std::string, std::string> files_;
  std::string type_, scope_;
  bool redirect_ = false, ranges_known_ = true;
  std::vector<std::string> ranges_;
  net::Server server_{[this](net::Exchange& http) { handle(http); }};
  uint16_t port_ = server_.listen_tcp("127.0.0.1", 0);
};

TEST_F(BearerRegistry, FetchesATokenAndFollowsRedirects) {
  const auto image = r.t.image("hello", "hi");
  serve(image, "v1");
  redirect_ = true;
  TestRegistry other;
  const auto pulled = other.client()->pull(Reference::parse(host() + "/app:v1"), {}, {}, {});
  EXPECT_EQ(pulled.image_id, image.id);
  EXPECT_THAT(scope_, HasSubstr("scope=repository%3Aapp%3Apull"));
}

TEST_F(BearerRegistry, GoesOnWhereAConnectionBroke) {
  std::string noise;
  while (noise.size() < 150'000) noise += sha256_raw(noise);
  const auto image = r.t.image("hello", noise);
  serve(image, "v1");
  for (const bool known : {true, false}) {
    ranges_known_ = known;
    ranges_.clear();
    TestRegistry other;
    const auto pulled = other.client()->pull(Reference::parse(host() + "/app:v1"), {}, watch(), {});
    EXPECT_EQ(
        read_file(other.t.images->unpack(other.t.images->get(pulled.image_id), {})[0] + "/hello"),
        noise);
    EXPECT_THAT(ranges_, ::testing::ElementsAre("", "bytes=60000-", "bytes=120000-"));
    EXPECT_THAT(statuses_, ::testing::Contains("Retrying"));
  }
}

TEST_F(BearerRegistry, ChoosesAPlatformOfAnIndex) {
  const auto mine = r.t.image("hello", "mine"), other = r.t.image("hello", "other");
  serve(mine, mine.manifest_digest);
  serve(other, other.manifest_digest);
  const auto child = [&](const image::Image& image, const std::string& machine) {
    return Json{{"mediaType", image.manifest_media_type},
                {"digest", image.manifest_digest},
                {"size", r.t.content->size(image.manifest_digest).value()},
                {"platform", {{"os", "linux"}, {"architecture", machine}, {"variant", "v8"}}}};
  };
  files_["/v2/app/manifests/v1"] = Json{
      {"schemaVersion", 2},
      {"mediaType", image::media_oci_index},
      {"manifests",
       {child(mine, std::string(image::machine_architecture())),
        child(other, "riscv64")}}}.dump();
  type_.clear();
  TestRegistry near;
  const auto name = Reference::parse(host() + "/app:v1");
  EXPECT_EQ(near.client()->pull(name, {}, {}, {}).image_id, mine.id);
  EXPECT_THAT([&] { near.client()->pull_platform(name, "linux/s390x", {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("no matching manifest for linux/s390x")));
  // The images of the test are amd64 whatever their index says.
  EXPECT_THAT([&] { near.client()->pull_platform(name, "linux/riscv64/v8", {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("does not match the specified platform")));
}

TEST_F(BearerRegistry, AsksMirrorsBeforeDockerHub) {
  const auto image = r.t.image("hello", "hi");
  serve(image, "v1");
  TestRegistry other;
  ClientDeps deps{*other.t.store, *other.t.content, *other.t.images, other.tokens, other.clock};
  deps.mirrors = {"http://127.0.0.1:1", parse_mirror("http://" + host() + "/")};
  for (auto& [path, bytes] : std::map(files_))
    files_["/v2/library/app" + path.substr(path.find("/app") + 4)] = bytes;
  const auto pulled = make_client(deps)->pull(Reference::parse("app:v1"), {}, {}, {});
  EXPECT_EQ(pulled.image_id, image.id);
  EXPECT_TRUE(other.t.images->find("app:v1"));
  EXPECT_THROW(parse_mirror("mirror.example.com"), Error);
  EXPECT_THROW(parse_mirror("https://mirror.example.com/path"), Error);
}

TEST_F(BearerRegistry, RefusesBytesThatAreNotWhatTheManifestSays) {
  const auto image = r.t.image("hello", "hi");
  serve(image, "v1");
  auto& layer = files_["/v2/app/blobs/" + image.layers[0].digest];
  layer.back() ^= 1;
  TestRegistry other;
  EXPECT_THAT([&] { other.client()->pull(Reference::parse(host() + "/app:v1"), {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("as announced")));
  EXPECT_FALSE(other.t.images->find(host() + "/app:v1"));
  layer += "more";
  EXPECT_THAT([&] { other.client()->pull(Reference::parse(host() + "/app:v1"), {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("sends more than")));
}

TEST_F(BearerRegistry, RefusesAManifestThatIsNotTheDigestAskedFor) {
  const auto image = r.t.image("hello", "hi");
  const auto wrong = sha256_digest("another");
  serve(image, wrong);
  EXPECT_THAT([&] { r.client()->pull(Reference::parse(host() + "/app@" + wrong), {}, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("the registry sent a manifest with digest")));
}

}  // namespace
}  // namespace slipway::registry
