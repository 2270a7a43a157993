#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>

#include "base/error.h"
#include "codec/json.h"
#include "image/manifest.h"
#include "image/testing.h"

namespace slipway::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class ImagesTest : public ::testing::Test {
 protected:
  static std::string removed(const std::vector<Images::Removed>& list) {
    std::string out;
    for (const auto& line : list) out += (line.untagged ? "U " : "D ") + line.what + "\n";
    return out;
  }
  static std::function<std::optional<std::string>(const std::string&)> used_by(std::string who) {
    return [who](const std::string&) { return who; };
  }
  static bool nobody(const Digest&) { return false; }

  TestImages t;
};

TEST_F(ImagesTest, FindsByTagIdAndPrefix) {
  const auto made = t.image("hello", "hello world");
  t.images->tag(made.id, Reference::parse("shop:v1"));
  EXPECT_EQ(t.images->get("shop:v1").id, made.id);
  EXPECT_EQ(t.images->get("docker.io/library/shop:v1").id, made.id);
  EXPECT_EQ(t.images->get(made.id).id, made.id);
  EXPECT_EQ(t.images->get(made.id.substr(7, 12)).id, made.id);
  EXPECT_FALSE(t.images->find(made.id.substr(7, 3)));
  EXPECT_FALSE(t.images->find("shop"));
  EXPECT_THAT([&] { t.images->get("shop"); },
              ThrowsMessage<Error>(HasSubstr("No such image: shop:latest")));
}

TEST_F(ImagesTest, MakesADockerManifestOfBuiltImages) {
  const auto made = t.image("hello", "hello world");
  EXPECT_EQ(made.manifest_media_type, media_docker_manifest);
  const auto manifest = Manifest::parse(t.content->read(made.manifest_digest));
  EXPECT_EQ(manifest.config->digest, made.id);
  EXPECT_EQ(manifest.config->media_type, media_docker_config);
  EXPECT_EQ(manifest.layers.at(0).media_type, media_docker_layer);
  EXPECT_EQ(made.config.cmd, std::vector<std::string>{"/hello"});
}

TEST_F(ImagesTest, ForgetsNothingAtRestart) {
  const auto made = t.image("hello", "hello world");
  t.images->tag(made.id, Reference::parse("shop:v1"));
  const auto before = t.images->unpack(made, {});
  t.restart();
  EXPECT_EQ(t.images->get("shop:v1").id, made.id);
  EXPECT_EQ(t.images->unpack(made, {}), before);
}

TEST_F(ImagesTest, UnpacksLayersTopFirst) {
  const auto below = t.layer("a", "below"), above = t.layer("a", "above!");
  Config config;
  config.diff_ids = {below.diff_id, above.diff_id};
  const auto made = t.images->create(config, {below.descriptor, above.descriptor});
  const auto dirs = t.images->unpack(made, {});
  ASSERT_EQ(dirs.size(), 2u);
  EXPECT_EQ(read_file(dirs[0] + "/a"), "above!");
  EXPECT_EQ(read_file(dirs[1] + "/a"), "below");
  EXPECT_EQ(t.images->get(made.id).size, 11u);
}

TEST_F(ImagesTest, ManyCallersUnpackOnce) {
  const auto made = t.image("hello", std::string(1 << 20, 'x'));
  std::vector<std::vector<std::string>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = t.images->unpack(made, {}); });
  }
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
  size_t directories = 0;
  for (const auto& unused : std::filesystem::directory_iterator(t.root + "/layers"))
    directories += unused.exists();
  EXPECT_EQ(directories, 1u);
}

TEST_F(ImagesTest, AWrongDiffIdLeavesNothingUnpacked) {
  const auto layer = t.layer("a", "text");
  Config config;
  config.diff_ids = {sha256_digest("something else")};
  const auto made = t.images->create(config, {layer.descriptor});
  EXPECT_THAT([&] { t.images->unpack(made, {}); },
              ThrowsMessage<Error>(HasSubstr("the image's configuration says")));
  EXPECT_TRUE(std::filesystem::is_empty(t.root + "/layers"));
}

TEST_F(ImagesTest, RefusesManifestsThatDoNotFitTheirConfig) {
  const auto layer = t.layer("a", "text");
  EXPECT_THAT([&] { t.images->create(Config(), {layer.descriptor}); },
              ThrowsMessage<Error>(HasSubstr("1 layers but 0 diff ids")));
  Config config;
  config.diff_ids = {layer.diff_id};
  auto absent = layer.descriptor;
  absent.digest = sha256_digest("absent");
  EXPECT_THAT([&] { t.images->create(config, {absent}); },
              ThrowsMessage<Error>(HasSubstr("is not in the content store")));
  EXPECT_THAT(t.images->list(), IsEmpty());
}

TEST_F(ImagesTest, CommitsAnUpperDirectoryWithoutCopyingIt) {
  const std::string upper = t.root + "/upper";
  make_directories(upper + "/etc");
  write_file(upper + "/etc/motd", "hi");
  ASSERT_EQ(::mknod((upper + "/gone").c_str(), S_IFCHR, makedev(0, 0)), 0);
  struct stat before {};
  ASSERT_EQ(::stat((upper + "/etc/motd").c_str(), &before), 0);

  const auto layer = t.images->commit_layer({}, upper, {});
  EXPECT_FALSE(exists(upper));
  EXPECT_EQ(layer.size, 2u);
  EXPECT_EQ(t.content->size(layer.descriptor.digest), layer.descriptor.size);
  const Fd blob = t.content->open(layer.descriptor.digest);
  EXPECT_EQ(sha256_digest(read_to_string(make_decompressor(source_of_fd(blob.get())), 1 << 20)),
            layer.diff_id);

  Config config;
  config.diff_ids = {layer.diff_id};
  const auto dirs = t.images->unpack(t.images->create(config, {layer.descriptor}), {});
  struct stat after {};
  ASSERT_EQ(::stat((dirs[0] + "/etc/motd").c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(ImagesTest, EqualUpperDirectoriesMakeOneLayer) {
  const auto commit = [&](const std::string& name) {
    make_directories(t.root + name);
    write_file(t.root + name + "/f", "same");
    const timespec times[2] = {{1000, 5}, {1000, 7}};
    ::utimensat(-1, (t.root + name + "/f").c_str(), times, 0);
    return t.images->commit_layer({}, t.root + name, {});
  };
  const auto one = commit("/one"), two = commit("/two");
  EXPECT_EQ(one.diff_id, two.diff_id);
  EXPECT_EQ(one.descriptor.digest, two.descriptor.digest);
  EXPECT_FALSE(exists(t.root + "/two"));
}

TEST_F(ImagesTest, MovingATagLeavesTheOldImageUntagged) {
  const auto v1 = t.image("a", "1"), v2 = t.image("a", "2");
  t.images->tag(v1.id, Reference::parse("shop"));
  t.images->tag(v2.id, Reference::parse("shop"));
  EXPECT_EQ(t.images->get("shop").id, v2.id);
  EXPECT_THAT(t.images->get(v1.id).tags, IsEmpty());
}

TEST_F(ImagesTest, RemovingOneOfTwoTagsKeepsTheImage) {
  const auto made = t.image("a", "1");
  t.images->tag(made.id, Reference::parse("shop:v1"));
  t.images->tag(made.id, Reference::parse("shop:v2"));
  EXPECT_EQ(removed(t.images->remove("shop:v1", false, used_by("running container x"))),
            "U shop:v1\n");
  EXPECT_EQ(removed(t.images->remove("shop:v2", false, {})), "U shop:v2\nD " + made.id + "\n");
  EXPECT_FALSE(t.images->find(made.id));
}

TEST_F(ImagesTest, RefusesToRemoveWhatIsUsed) {
  const auto made = t.image("a", "1");
  t.images->tag(made.id, Reference::parse("shop:v1"));
  const auto id = made.id.substr(7, 12);
  EXPECT_THAT([&] { t.images->remove("shop:v1", false, used_by("stopped container c1")); },
              ThrowsMessage<Error>("conflict: unable to remove repository reference \"shop:v1\" "
                                   "(must force) - container c1 is using its referenced image " +
                                   id));
  EXPECT_THAT([&] { t.images->remove(id, true, used_by("running container c1")); },
              ThrowsMessage<Error>("conflict: unable to delete " + id +
                                   " (cannot be forced) - image is being used by running "
                                   "container c1"));
  EXPECT_EQ(removed(t.images->remove("shop:v1", true, used_by("running container c1"))),
            "U shop:v1\n");
  EXPECT_TRUE(t.images->find(made.id));
  t.images->tag(made.id, Reference::parse("shop:v2"));
  EXPECT_EQ(removed(t.images->remove(id, true, used_by("stopped container c1"))), "U shop:v2\n");
  EXPECT_TRUE(t.images->find(made.id)) << "the container must be able to start again";
}

TEST_F(ImagesTest, RemovingByIdNeedsForceAcrossRepositories) {
  const auto made = t.image("a", "1");
  t.images->tag(made.id, Reference::parse("shop"));
  t.images->tag(made.id, Reference::parse("other"));
  EXPECT_THAT([&] { t.images->remove(made.id, false, {}); },
              ThrowsMessage<Error>(HasSubstr("image is referenced in multiple repositories")));
  t.images->remove(made.id, true, {});
  EXPECT_THAT(t.images->list(), IsEmpty());
}

TEST_F(ImagesTest, CollectsWhatNobodyNeeds) {
  const auto kept = t.image("a", "kept"), gone = t.image("b", "gone"), held = t.image("c", "held");
  for (const auto* image : {&kept, &gone, &held}) t.images->unpack(*image, {});
  const auto pin = t.images->pin({held.layers[0].digest, held.config.diff_ids[0]});
  t.images->remove(gone.id, false, {});
  t.images->remove(held.id, false, {});
  EXPECT_EQ(t.images->collect_garbage(nobody), 0u) << "all of it was written just now";
  EXPECT_GT(t.images->collect_garbage(nobody, seconds(0)), 0u);
  EXPECT_TRUE(t.content->has(kept.layers[0].digest));
  EXPECT_TRUE(t.content->has(kept.manifest_digest));
  EXPECT_TRUE(t.content->has(held.layers[0].digest));
  EXPECT_FALSE(t.content->has(gone.layers[0].digest));
  EXPECT_FALSE(t.content->has(gone.id));
  size_t directories = 0;
  for (const auto& unused : std::filesystem::directory_iterator(t.root + "/layers"))
    directories += unused.exists();
  EXPECT_EQ(directories, 2u);
}

TEST_F(ImagesTest, RubbishOfACrashGoesAtStart) {
  make_directories(t.root + "/layers/half-unpacked/fs");
  write_file(t.root + "/ingest/half-written", "x");
  t.restart();
  EXPECT_FALSE(exists(t.root + "/layers/half-unpacked"));
  EXPECT_FALSE(exists(t.root + "/ingest/half-written"));
}

TEST(Config, IsItsOwnInverse) {
  Config config;
  config.created = "2026-01-02T03:04:05Z";
  config.env = {"A=1"};
  config.entrypoint = {"/bin/sh", "-c"};
  config.exposed_ports = {"80/tcp"};
  config.volumes = {"/data"};
  config.labels = {{"k", "v"}};
  config.user = "1000";
  config.health_check = HealthCheck{{"CMD", "true"}, 1, 2, 3, 4};
  config.diff_ids = {"sha256:" + std::string(64, 'a')};
  config.history = {{"2026-01-02T03:04:05Z", "RUN x", "", true}};
  const std::string text = config.to_json();
  EXPECT_EQ(Config::parse(text).to_json(), text);
  EXPECT_EQ(Config::parse(text).health_check->retries, 4);
}

TEST(Config, SaysWhatIsWrong) {
  EXPECT_THROW(Config::parse("[]"), Error);
  EXPECT_THROW(Config::parse("{"), Error);
  EXPECT_THROW(Config::parse(R"({"config":{"Env":"A=1"}})"), Error);
  EXPECT_THROW(Config::parse(R"({"rootfs":{"diff_ids":["../../x"]}})"), Error);
}

TEST(Manifest, ChoosesThisMachinesImage) {
  const std::string digest = "sha256:" + std::string(64, 'b');
  const auto child = [&](const char* arch, char fill) {
    return fmt::format(
        R"({{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}",)"
        R"("size":3,"platform":{{"os":"linux","architecture":"{}"}}}})",
        std::string(64, fill), arch);
  };
  const auto index = Manifest::parse(
      fmt::format(R"({{"schemaVersion":2,"manifests":[{},{},{}]}})", child("s390x", 'a'),
                  child(std::string(machine_architecture()).c_str(), 'b'), child("riscv64", 'c')));
  EXPECT_TRUE(index.index);
  EXPECT_EQ(index.media_type, media_oci_index);
  ASSERT_NE(index.for_this_machine(), nullptr);
  EXPECT_EQ(index.for_this_machine()->descriptor.digest, digest);
}

TEST(Manifest, RefusesWhatContradictsItself) {
  EXPECT_THROW(Manifest::parse("{}"), Error);
  EXPECT_THROW(Manifest::parse(R"({"schemaVersion":1})"), Error);
  EXPECT_THROW(Manifest::parse(R"({"schemaVersion":2,"layers":[]})"), Error);
  EXPECT_THROW(Manifest::parse(R"({"schemaVersion":2,"manifests":[{"digest":"x","size":1}]})"),
               Error);
  EXPECT_THROW(Manifest::parse(R"({"schemaVersion":2,"mediaType":"text/plain"})"), Error);
  EXPECT_THROW(Manifest::parse(R"({"schemaVersion":2,"manifests":[]})", media_oci_manifest), Error);
}

}  // namespace
}  // namespace slipway::image
