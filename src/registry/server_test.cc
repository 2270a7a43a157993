#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "image/manifest.h"
#include "registry/testing.h"

namespace slipway::registry {
namespace {

using ::testing::HasSubstr;

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  std::string code() const { return Json::parse(body)["errors"][0]["code"]; }
  std::string message() const { return Json::parse(body)["errors"][0]["message"]; }
  std::string header(const char* name) const { return std::string(headers.get(name)); }
};

class RegistryServer : public ::testing::Test {
 protected:
  RegistryServer() { r.repository("team/app"); }

  Answer send(std::string method, const std::string& path, std::string body = {},
              net::Headers headers = {}) {
    net::ClientRequest request;
    request.method = std::move(method);
    request.url = "http://" + r.host() + path;
    request.body = std::move(body);
    request.headers = std::move(headers);
    if (!request.headers.has("Authorization"))
      request.headers.set("Authorization", "Basic " + base64_encode("AWS:" + r.password()));
    const auto response = net::request(request);
    return {response->status(), response->headers(), response->read_all()};
  }
  std::string upload(const std::string& bytes, const std::string& repository = "team/app") {
    const auto digest = sha256_digest(bytes);
    const auto made = send("POST", "/v2/" + repository + "/blobs/uploads/?digest=" + digest, bytes);
    EXPECT_EQ(made.status, 201) << made.body;
    return digest;
  }
  static std::string manifest_of(const std::string& config, const std::string& layer,
                                 const Json& extra = Json::object()) {
    Json out = {{"schemaVersion", 2},
                {"mediaType", image::media_oci_manifest},
                {"config",
                 {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                  {"digest", sha256_digest(config)},
                  {"size", config.size()}}},
                {"layers", Json::array({{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                                         {"digest", sha256_digest(layer)},
                                         {"size", layer.size()}}})}};
    out.update(extra);
    return out.dump();
  }
  Answer put_manifest(const std::string& reference, const std::string& text) {
    return send("PUT", "/v2/team/app/manifests/" + reference, text,
                {{"Content-Type", std::string(image::media_oci_manifest)}});
  }
  // A pushed image "one" with config "{}" and layer "layer".
  std::string push_one(const std::string& tag = "one", const std::string& layer = "layer") {
    upload("{}");
    upload(layer);
    const auto text = manifest_of("{}", layer);
    EXPECT_EQ(put_manifest(tag, text).status, 201);
    return text;
  }

  TestRegistry r;
};

TEST_F(RegistryServer, AsksForBasicCredentialsAsEcrDoes) {
  for (const char* authorization : {"Basic " /* empty */, "Bearer x", "Basic QVdTOndyb25n"}) {
    const auto answer = send("GET", "/v2/", "", {{"Authorization", authorization}});
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.body, "Not Authorized");
    EXPECT_EQ(answer.header("WWW-Authenticate"),
              "Basic realm=\"https://" + r.host() + "/\",service=\"ecr.amazonaws.com\"");
  }
  const auto fine = send("GET", "/v2/");
  EXPECT_EQ(fine.status, 200);
  EXPECT_EQ(fine.header("Docker-Distribution-Api-Version"), "registry/2.0");
}

TEST_F(RegistryServer, TokensExpireAndCannotBeForged) {
  const std::string old = "Basic " + base64_encode("AWS:" + r.password());
  r.clock.advance(seconds(12 * 3600 + 1));
  const auto expired = send("GET", "/v2/", "", {{"Authorization", old}});
  EXPECT_EQ(expired.status, 403);
  EXPECT_EQ(expired.code(), "DENIED");
  EXPECT_EQ(expired.message(),
            "Your authorization token has expired. Reauthenticate and try again.");
  std::string forged = r.password();
  forged[3] = forged[3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(send("GET", "/v2/", "", {{"Authorization", "Basic " + base64_encode("AWS:" + forged)}})
                .status,
            401);
}

TEST_F(RegistryServer, UnknownRepositoriesHaveEcrsWords) {
  const auto answer = send("POST", "/v2/nothing/blobs/uploads/");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.code(), "NAME_UNKNOWN");
  EXPECT_EQ(answer.message(),
            "The repository with name 'nothing' does not exist in the registry with id "
            "'123456789012'");
  EXPECT_EQ(send("GET", "/v2/UPPER/tags/list").code(), "NAME_INVALID");
  EXPECT_EQ(send("GET", "/v2/%2e%2e/%2e%2e/etc/tags/list").code(), "NAME_INVALID");
}

TEST_F(RegistryServer, TheHostNamesTheRegion) {
  const auto other = send("GET", "/v2/team/app/tags/list", "",
                          {{"Host", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"}});
  EXPECT_EQ(other.code(), "NAME_UNKNOWN");
  const auto foreign = send("GET", "/v2/team/app/tags/list", "",
                            {{"Host", "999999999999.dkr.ecr.us-east-1.amazonaws.com"}});
  EXPECT_EQ(foreign.code(), "DENIED");
}

TEST_F(RegistryServer, UploadsInChunksAndSaysHowFarItIs) {
  const auto start = send("POST", "/v2/team/app/blobs/uploads/");
  ASSERT_EQ(start.status, 202);
  const auto at = start.header("Location");
  const auto first = send("PATCH", at, "hello ", {{"Content-Range", "0-5"}});
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(first.header("Range"), "0-5");
  EXPECT_EQ(send("PATCH", at, "wrong", {{"Content-Range", "20-24"}}).status, 416);
  const auto status = send("GET", at);
  EXPECT_EQ(status.status, 204);
  EXPECT_EQ(status.header("Range"), "0-5");
  EXPECT_EQ(send("PATCH", at, "wor", {{"Content-Range", "6-8"}}).header("Range"), "0-8");
  const auto digest = sha256_digest("hello world");
  const auto done = send("PUT", at + "?digest=" + digest, "ld");
  EXPECT_EQ(done.status, 201);
  EXPECT_EQ(done.header("Docker-Content-Digest"), digest);
  EXPECT_EQ(send("GET", "/v2/team/app/blobs/" + digest).body, "hello world");
  EXPECT_EQ(send("GET", at).code(), "BLOB_UPLOAD_UNKNOWN");
}

TEST_F(RegistryServer, AWrongDigestLeavesNothing) {
  const auto wrong = sha256_digest("something else");
  const auto answer = send("POST", "/v2/team/app/blobs/uploads/?digest=" + wrong, "bytes");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), "DIGEST_INVALID");
  EXPECT_EQ(send("HEAD", "/v2/team/app/blobs/" + wrong).status, 404);
  EXPECT_EQ(send("HEAD", "/v2/team/app/blobs/" + sha256_digest("bytes")).status, 404);
  EXPECT_TRUE(r.t.content->list().empty());
  EXPECT_TRUE(std::filesystem::is_empty(r.t.root + "/uploads"));
}

TEST_F(RegistryServer, ATruncatedChunkCountsForNothing) {
  const auto at = send("POST", "/v2/team/app/blobs/uploads/").header("Location");
  EXPECT_EQ(send("PATCH", at, "hello").status, 202);
  net::ClientRequest cut;
  cut.method = "PATCH";
  cut.url = "http://" + r.host() + at;
  cut.headers.set("Authorization", "Basic " + base64_encode("AWS:" + r.password()));
  cut.body_length = 1000;
  size_t calls = 0;
  cut.body_source = [&](std::span<char> into) -> size_t {
    if (calls++ > 0) throw std::runtime_error("the client dies");
    into[0] = 'x';
    return 1;
  };
  EXPECT_ANY_THROW(net::request(cut));
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  Answer done;
  const auto digest = sha256_digest("hello");
  do {  // the server may still be at the dead request
    done = send("PUT", at + "?digest=" + digest, "");
  } while (done.status != 201 && done.body.find("another request") != std::string::npos &&
           std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(done.status, 201) << done.body;
}

TEST_F(RegistryServer, UploadsSurviveARestart) {
  const auto at = send("POST", "/v2/team/app/blobs/uploads/").header("Location");
  send("PATCH", at, "hello ");
  Uploads again(r.t.root + "/uploads", *r.t.content, r.clock);
  const auto id = at.substr(at.rfind('/') + 1);
  const std::string owner = "arn:aws:ecr:us-east-1:123456789012:repository/team/app";
  EXPECT_EQ(again.received(id, owner), 6u);
  again.append(id, owner, source_of_string("world"));
  EXPECT_EQ(again.finish(id, owner, sha256_digest("hello world")).size, 11u);
}

TEST_F(RegistryServer, AnUploadAnswersOnlyToItsRepository) {
  r.repository("other");
  const auto at = send("POST", "/v2/team/app/blobs/uploads/").header("Location");
  const auto id = at.substr(at.rfind('/') + 1);
  EXPECT_EQ(send("GET", "/v2/other/blobs/uploads/" + id).code(), "BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(send("DELETE", at).status, 204);
  EXPECT_EQ(send("GET", at).status, 404);
}

TEST_F(RegistryServer, TakesSha512) {
  Hasher hash("sha512");
  hash.update("bytes");
  const auto digest = hash.digest();
  EXPECT_EQ(send("POST", "/v2/team/app/blobs/uploads/?digest=" + digest, "bytes").status, 201);
  EXPECT_EQ(send("GET", "/v2/team/app/blobs/" + digest).body, "bytes");
}

TEST_F(RegistryServer, MountsFromAnotherRepository) {
  r.repository("other");
  const auto digest = upload("shared");
  EXPECT_EQ(send("HEAD", "/v2/other/blobs/" + digest).status, 404);
  const auto url = "/v2/other/blobs/uploads/?mount=" + digest + "&from=team/app";
  EXPECT_EQ(send("POST", url).status, 201);
  EXPECT_EQ(send("GET", "/v2/other/blobs/" + digest).body, "shared");
  const auto absent = "/v2/other/blobs/uploads/?mount=" + sha256_digest("no") + "&from=team/app";
  EXPECT_EQ(send("POST", absent).status, 202);
}

TEST_F(RegistryServer, ServesRanges) {
  const auto url = "/v2/team/app/blobs/" + upload("0123456789");
  const auto range = [&](const char* spec) { return send("GET", url, "", {{"Range", spec}}); };
  EXPECT_EQ(range("bytes=2-4").body, "234");
  EXPECT_EQ(range("bytes=2-4").header("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(range("bytes=7-").body, "789");
  EXPECT_EQ(range("bytes=-3").body, "789");
  EXPECT_EQ(range("bytes=8-100").body, "89");
  EXPECT_EQ(range("bytes=2-4").status, 206);
  for (const char* bad : {"bytes=10-", "bytes=4-2", "bytes=-0", "bytes=x-"})
    EXPECT_EQ(range(bad).status, 416) << bad;
  const auto head = send("HEAD", url);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "10");
}

TEST_F(RegistryServer, KeepsManifestsByteForByte) {
  upload("{}");
  upload("layer");
  const std::string text = "\n  " + manifest_of("{}", "layer") + "  \n";
  const auto put = put_manifest("v1", text);
  EXPECT_EQ(put.status, 201);
  const auto digest = sha256_digest(text);
  EXPECT_EQ(put.header("Docker-Content-Digest"), digest);
  for (const std::string& reference : {std::string("v1"), digest}) {
    const auto got = send("GET", "/v2/team/app/manifests/" + reference);
    EXPECT_EQ(got.body, text);
    EXPECT_EQ(got.header("Content-Type"), image::media_oci_manifest);
    EXPECT_EQ(got.header("Docker-Content-Digest"), digest);
    const auto head = send("HEAD", "/v2/team/app/manifests/" + reference);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("Content-Length"), std::to_string(text.size()));
  }
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/v2").message(), "Requested image not found");
}

TEST_F(RegistryServer, RefusesManifestsWhoseBlobsAreMissing) {
  upload("{}");
  const auto answer = put_manifest("v1", manifest_of("{}", "absent"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.code(), "MANIFEST_BLOB_UNKNOWN");
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/v1").status, 404);
  // In the content store, but another repository's.
  r.repository("other");
  upload("absent", "other");
  EXPECT_EQ(put_manifest("v1", manifest_of("{}", "absent")).status, 404);
}

TEST_F(RegistryServer, RefusesMalformedManifestsAndReferences) {
  EXPECT_EQ(put_manifest("v1", "{").code(), "MANIFEST_INVALID");
  EXPECT_EQ(put_manifest("v1", R"({"schemaVersion":2})").code(), "MANIFEST_INVALID");
  EXPECT_EQ(put_manifest("sha256:12", "{}").code(), "DIGEST_INVALID");
  EXPECT_EQ(put_manifest(".bad", "{}").code(), "TAG_INVALID");
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/sha256:zz").status, 400);
  push_one();
  EXPECT_EQ(put_manifest(sha256_digest("x"), manifest_of("{}", "layer")).code(), "DIGEST_INVALID");
}

TEST_F(RegistryServer, ImmutableTagsStay) {
  push_one("v1");
  upload("layer2");
  r.t.store->write([&](store::Writer& db) {
    Repository fixed = *get_repository(db, r.scope, "team/app");
    fixed.mutability = "IMMUTABLE_WITH_EXCLUSION";
    fixed.exclusions = {"dev-*"};
    update_repository(db, fixed);
  });
  const auto other = manifest_of("{}", "layer2");
  const auto answer = put_manifest("v1", other);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), "TAG_INVALID");
  EXPECT_EQ(answer.message(),
            "The image tag 'v1' already exists in the 'team/app' repository and cannot be "
            "overwritten because the tag is immutable.");
  EXPECT_EQ(put_manifest("v1", manifest_of("{}", "layer")).status, 201) << "the same image again";
  EXPECT_EQ(put_manifest("dev-1", other).status, 201);
  EXPECT_EQ(put_manifest("dev-1", manifest_of("{}", "layer")).status, 201);
}

TEST_F(RegistryServer, ListsTagsInPages) {
  const auto text = push_one("b");
  for (const char* tag : {"a", "c"}) put_manifest(tag, text);
  EXPECT_EQ(Json::parse(send("GET", "/v2/team/app/tags/list").body)["tags"], (Json{"a", "b", "c"}));
  const auto page = send("GET", "/v2/team/app/tags/list?n=2");
  EXPECT_EQ(Json::parse(page.body)["tags"], (Json{"a", "b"}));
  EXPECT_EQ(page.header("Link"), "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\"");
  const auto rest = send("GET", "/v2/team/app/tags/list?n=2&last=b");
  EXPECT_EQ(Json::parse(rest.body)["tags"], Json::array({"c"}));
  EXPECT_EQ(rest.header("Link"), "");
  EXPECT_EQ(send("GET", "/v2/team/app/tags/list?n=x").status, 400);
}

TEST_F(RegistryServer, DeletesTagsAndManifests) {
  const auto text = push_one("v1");
  put_manifest("v2", text);
  EXPECT_EQ(send("DELETE", "/v2/team/app/manifests/v1").status, 202);
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/v1").status, 404);
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/v2").status, 200);
  const auto layer = "/v2/team/app/blobs/" + sha256_digest("layer");
  EXPECT_EQ(send("DELETE", layer).status, 403) << "an image needs it";
  EXPECT_EQ(send("DELETE", "/v2/team/app/manifests/" + sha256_digest(text)).status, 202);
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/v2").status, 404);
  EXPECT_EQ(send("DELETE", layer).status, 202);
  EXPECT_EQ(send("HEAD", layer).status, 404);
}

TEST_F(RegistryServer, AnswersReferrers) {
  const auto subject = sha256_digest(push_one());
  const auto url = "/v2/team/app/referrers/" + subject;
  const auto none = send("GET", url);
  EXPECT_EQ(none.status, 200);
  EXPECT_EQ(none.header("Content-Type"), image::media_oci_index);
  EXPECT_EQ(Json::parse(none.body)["manifests"], Json::array());
  const auto text = manifest_of(
      "{}", "layer",
      {{"artifactType", "application/x.sbom"},
       {"subject", {{"mediaType", image::media_oci_manifest}, {"digest", subject}, {"size", 1}}}});
  const auto put = put_manifest(sha256_digest(text), text);
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(put.header("OCI-Subject"), subject);
  const auto some = Json::parse(send("GET", url).body)["manifests"];
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0]["digest"], sha256_digest(text));
  EXPECT_EQ(some[0]["artifactType"], "application/x.sbom");
  const auto filtered = send("GET", url + "?artifactType=other");
  EXPECT_EQ(Json::parse(filtered.body)["manifests"], Json::array());
  EXPECT_EQ(filtered.header("OCI-Filters-Applied"), "artifactType");
}

TEST_F(RegistryServer, SweepsBlobsThatNoImageTook) {
  push_one();
  const auto stray = upload("stray");
  r.clock.advance(seconds(3600));
  const auto sweep = [&] {
    size_t count = 0;
    r.t.store->write([&](store::Writer& db) { count = sweep_blobs(db, r.clock.now()); });
    return count;
  };
  EXPECT_EQ(sweep(), 0u);
  r.clock.advance(seconds(24 * 3600));
  EXPECT_EQ(send("HEAD", "/v2/team/app/blobs/" + stray).status, 200);  // renews
  EXPECT_EQ(sweep(), 0u);
  r.clock.advance(seconds(24 * 3600));
  EXPECT_EQ(sweep(), 1u);
  EXPECT_EQ(send("HEAD", "/v2/team/app/blobs/" + stray).status, 404);
  EXPECT_EQ(send("GET", "/v2/team/app/manifests/one").status, 200);
}

}  // namespace
}  // namespace slipway::registry
