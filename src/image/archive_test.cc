// Archives in and out: docker cp's extraction, save and load.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "codec/json.h"
#include "image/archive_index.h"
#include "image/diff.h"
#include "image/extract.h"
#include "image/load.h"
#include "image/manifest.h"
#include "image/save.h"
#include "image/testing.h"

namespace slipway::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

// An archive under construction.
class ArchiveText {
 public:
  ArchiveText& add(const std::string& name, TarType type, std::string_view data = {},
                   const std::string& target = {}, uint32_t mode = 0644) {
    TarEntry entry;
    entry.name = name;
    entry.type = type;
    entry.link_target = target;
    entry.mode = mode;
    entry.size = data.size();
    entry.mtime = 1'600'000'000;
    writer_.add(entry);
    if (!data.empty()) writer_.write(data);
    return *this;
  }
  ArchiveText& file(const std::string& name, std::string_view data) {
    return add(name, TarType::file, data);
  }
  std::string done() {
    writer_.finish();
    return text_;
  }

 private:
  std::string text_;
  TarWriter writer_{[this](std::string_view bytes) { text_ += bytes; }};
};

class ExtractTest : public ::testing::Test {
 protected:
  ExtractTest() : root_((make_directories(base_ + "/root/dir"), base_ + "/root")) {
    make_directories(base_ + "/outside");
    write_file(base_ + "/outside/secret", "secret");
  }
  ~ExtractTest() override { remove_tree(base_); }
  void extract(const std::string& archive, const ExtractOptions& options = {},
               const std::string& directory = "/dir") {
    ExtractOptions mine = options;
    if (::geteuid() != 0) mine.owner = std::pair{::geteuid(), ::getegid()};
    extract_archive(source_of_string(archive), root_, directory, mine, Stop());
  }
  std::string base_ = "/tmp/slipway-extract-" + random_hex(8);
  linux::Root root_;
};

TEST_F(ExtractTest, KeepsModesTimesAndLinks) {
  extract(ArchiveText()
              .add("sub/", TarType::directory, {}, {}, 0750)
              .add("sub/run", TarType::file, "#!", {}, 04755)
              .add("link", TarType::symlink, {}, "sub/run")
              .add("sub/hard", TarType::hardlink, {}, "sub/run")
              .done());
  EXPECT_EQ(root_.lstat("dir/sub")->st_mode & 07777, 0750u);
  EXPECT_EQ(root_.lstat("dir/sub/run")->st_mode & 07777, 04755u);
  EXPECT_EQ(root_.lstat("dir/sub/run")->st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(root_.lstat("dir/sub")->st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(root_.lstat("dir/sub/run")->st_nlink, 2u);
  EXPECT_EQ(root_.read_link("dir/link"), "sub/run");
}

TEST_F(ExtractTest, ReplacesFilesAndMergesDirectories) {
  root_.write_file("dir/file", "old");
  root_.make_directories("dir/both");
  root_.write_file("dir/both/mine", "1");
  extract(ArchiveText().file("file", "new").file("both/theirs", "2").done());
  EXPECT_EQ(root_.read_file("dir/file"), "new");
  EXPECT_EQ(root_.list("dir/both"), (std::vector<std::string>{"mine", "theirs"}));
}

TEST_F(ExtractTest, KindsAreKeptWhenAsked) {
  root_.make_directories("dir/tree");
  root_.write_file("dir/file", "x");
  const ExtractOptions keep{.keep_kinds = true, .owner = std::nullopt};
  EXPECT_THROW(extract(ArchiveText().file("tree", "x").done(), keep), Error);
  EXPECT_THROW(extract(ArchiveText().add("file/", TarType::directory).done(), keep), Error);
  extract(ArchiveText().file("tree", "x").done());
  EXPECT_EQ(root_.read_file("dir/tree"), "x");
}

TEST_F(ExtractTest, NothingLeavesTheRoot) {
  EXPECT_THROW(extract(ArchiveText().file("../../outside/secret", "x").done()), Error);
  extract(ArchiveText()
              .add("up", TarType::symlink, {}, "../../outside")
              .add("abs", TarType::symlink, {}, base_ + "/outside")
              .done());
  EXPECT_THROW(extract(ArchiveText().file("up/secret", "stolen").done()), Error);
  EXPECT_THROW(extract(ArchiveText().file("abs/secret", "stolen").done()), Error);
  EXPECT_THROW(extract(ArchiveText().add("h", TarType::hardlink, {}, "abs/secret").done()), Error);
  EXPECT_THROW(
      extract(ArchiveText().add("h", TarType::hardlink, {}, "../../outside/secret").done()), Error);
  EXPECT_EQ(read_file(base_ + "/outside/secret"), "secret");
}

TEST_F(ExtractTest, ReadsCompressedArchives) {
  std::string packed;
  const auto gzip = make_gzip_writer([&](std::string_view bytes) { packed += bytes; });
  gzip->write(ArchiveText().file("a", "1").done());
  gzip->finish();
  extract(packed);
  EXPECT_EQ(root_.read_file("dir/a"), "1");
  EXPECT_THROW(extract(packed.substr(0, packed.size() / 2)), Error);
}

TEST_F(ExtractTest, WritesATreeUnderAnotherName) {
  root_.make_directories("dir/a");
  root_.write_file("dir/a/.wh.x", "not a whiteout here");
  root_.hard_link("dir/a/.wh.x", "dir/a/z");
  std::string archive;
  TarWriter tar([&](std::string_view bytes) { archive += bytes; });
  write_tree(root_.fd(), "dir", "as", tar, Stop());
  tar.finish();
  std::vector<std::string> names;
  TarReader reader(source_of_string(archive));
  for (TarEntry entry; reader.next(entry);) names.push_back(entry.name + entry.link_target);
  EXPECT_THAT(names, ElementsAre("as/", "as/a/", "as/a/.wh.x", "as/a/zas/a/.wh.x"));
}

// --- save and load ---

class LoadTest : public ::testing::Test {
 protected:
  static std::string saved(TestImages& from, const std::vector<SavedImage>& images) {
    std::string out;
    save_archive(
        *from.content, images, [&](std::string_view bytes) { out += bytes; }, Stop());
    return out;
  }
  std::vector<LoadedImage> load(const std::string& archive) {
    return load_archive(*to.images, source_of_string(archive), Platform::parse(""), {}, Stop());
  }
  static std::string layer_tar(const std::string& name, const std::string& text) {
    return ArchiveText().file(name, text).done();
  }
  static std::string config_of(const std::vector<std::string>& layers) {
    Config config;
    config.created = "2026-01-02T03:04:05Z";
    for (const auto& tar : layers) config.diff_ids.push_back(sha256_digest(tar));
    return config.to_json();
  }
  TestImages to;
};

TEST_F(LoadTest, WhatWasSavedComesBackTheSame) {
  TestImages from;
  const auto one = from.image("hello", "hello world"), two = from.image("other", "more");
  const auto archive =
      saved(from, {{one, {Reference::parse("shop:v1"), Reference::parse("a:b")}}, {two, {}}});
  const auto loaded = load(archive);
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(to.images->get("shop:v1").id, one.id);
  EXPECT_EQ(to.images->get("a:b").manifest_digest, one.manifest_digest);
  EXPECT_THAT(to.images->get(two.id).tags, IsEmpty());
  // Unpacked while it came, and the same bytes.
  const auto dirs = to.images->unpack(to.images->get("shop:v1"), Stop());
  EXPECT_EQ(read_file(dirs.at(0) + "/hello"), "hello world");
  EXPECT_EQ(to.images->layer_size(one.config.diff_ids.at(0)), 11u);
  EXPECT_EQ(load(archive).size(), 2u);
}

TEST_F(LoadTest, ReadsAnOldDockerArchive) {
  const auto tar = layer_tar("file", "text");
  const auto config = config_of({tar, tar});
  ArchiveText archive;
  archive.add("0123/", TarType::directory)
      .file("0123/VERSION", "1.0")
      .file("0123/layer.tar", tar)
      .add("4567/layer.tar", TarType::symlink, {}, "../0123/layer.tar")
      .file("c.json", config)
      .file("manifest.json", R"([{"Config":"c.json","RepoTags":["old:1"],)"
                             R"("Layers":["0123/layer.tar","4567/layer.tar"]}])");
  const auto loaded = load(archive.done());
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].id, sha256_digest(config));
  const auto image = to.images->get("old:1");
  EXPECT_EQ(image.config_json, config);
  EXPECT_EQ(to.images->unpack(image, Stop()).size(), 2u);
}

TEST_F(LoadTest, ReadsAnOciLayout) {
  TestImages from;
  const auto made = from.image("hello", "hello world");
  const auto blob = [&](const Digest& digest) { return from.content->read(digest); };
  const Json index = {
      {"schemaVersion", 2},
      {"manifests",
       {{{"mediaType", made.manifest_media_type},
         {"digest", made.manifest_digest},
         {"size", blob(made.manifest_digest).size()},
         {"annotations", {{"org.opencontainers.image.ref.name", "localhost:5000/shop:v3"}}}}}}};
  ArchiveText archive;
  archive.file("index.json", index.dump()).file("oci-layout", "{}");
  for (const auto& digest : {made.id, made.manifest_digest, made.layers[0].digest})
    archive.file(member_of_digest(digest), blob(digest));
  load(archive.done());
  EXPECT_EQ(to.images->get("localhost:5000/shop:v3").manifest_digest, made.manifest_digest);
}

TEST_F(LoadTest, SaysWhatIsWrongWithAnArchive) {
  const auto tar = layer_tar("file", "text");
  const auto fails = [&](const std::string& archive, const char* why) {
    EXPECT_THAT([&] { load(archive); }, ThrowsMessage<Error>(HasSubstr(why)));
  };
  fails(tar, "not an image archive");
  fails(ArchiveText().file("manifest.json", "{").done(), "manifest.json");
  fails(ArchiveText().file("manifest.json", R"([{"Config":"c.json"}])").done(), "not there");
  fails(ArchiveText()
            .file("c.json", config_of({tar}))
            .file("manifest.json", R"([{"Config":"c.json","Layers":["x"]}])")
            .done(),
        "the layer x is named");
  fails(ArchiveText()
            .file("x.tar", tar)
            .file("c.json", config_of({tar + "more"}))
            .file("manifest.json", R"([{"Config":"c.json","Layers":["x.tar"]}])")
            .done(),
        "invalid diffID for layer 0");
  fails(ArchiveText().file(member_of_digest(sha256_digest("other")), tar).done(), "digest");
  fails(ArchiveText().file(member_of_digest(sha256_digest("other")), "text").done(), "digest");
  const auto evil = layer_tar("../../etc/passwd", "x");
  fails(ArchiveText().file("evil.tar", evil).done(), "leaves the root");
  EXPECT_THAT(to.images->list(), IsEmpty());
}

TEST_F(LoadTest, ATagThatMovesIsTold) {
  const auto before = to.image("hello", "old");
  to.images->tag(before.id, Reference::parse("shop:v1"));
  TestImages from;
  const auto archive = saved(from, {{from.image("hello", "new"), {Reference::parse("shop:v1")}}});
  std::string told;
  LoadEvents events;
  events.renamed = [&](const Reference& tag, const std::string& id) { told = tag.tag + id; };
  load_archive(*to.images, source_of_string(archive), Platform::parse(""), events, Stop());
  EXPECT_EQ(told, "v1" + before.id);
}

TEST_F(LoadTest, TheSizeOfALayerIsKnownWhetherItIsUnpackedOrNot) {
  const std::string directory = to.root + "/written";
  make_directories(directory);
  write_file(directory + "/file", std::string(100'000, 'x'));
  const auto layer = to.images->copy_layer(directory, Stop());
  EXPECT_TRUE(exists(directory + "/file"));
  Config config;
  config.diff_ids = {layer.diff_id};
  const auto image = to.images->create(config, {layer.descriptor});
  EXPECT_EQ(image.size, 100'000u);
  to.restart();
  EXPECT_EQ(to.images->layer_size(layer.diff_id), 100'000u);
  to.images->remove(image.id, true, {});
  to.images->collect_garbage([](const Digest&) { return false; }, microseconds(0));
  EXPECT_EQ(to.images->layer_size(layer.diff_id), std::nullopt);
}

TEST_F(LoadTest, AnImportedLayerIsStoredCompressedAndUnpacked) {
  const auto tar = layer_tar("file", std::string(3u << 20, 'x'));
  const auto layer = to.images->import_layer(source_of_string(tar), {}, Stop());
  EXPECT_EQ(layer.diff_id, sha256_digest(tar));
  EXPECT_EQ(layer.descriptor.media_type, media_docker_layer);
  EXPECT_LT(layer.descriptor.size, 100'000u);
  const auto exact = to.images->import_layer(source_of_string(tar), sha256_digest(tar), Stop());
  EXPECT_EQ(exact.descriptor.digest, layer.diff_id);
  EXPECT_THROW(to.images->import_layer(source_of_string(tar), sha256_digest("x"), Stop()), Error);
}

TEST(ArchiveIndex, NamesOfMembersAreOnlyKeys) {
  EXPECT_EQ(member_name("./a//b/../c"), "a/c");
  EXPECT_EQ(member_name("../../etc"), "etc");
  EXPECT_EQ(linked_member("0123/layer.tar", "../4567/layer.tar"), "4567/layer.tar");
  EXPECT_EQ(linked_member("0123/layer.tar", "/x"), "x");
  const auto digest = sha256_digest("x");
  EXPECT_EQ(digest_of_member(member_of_digest(digest)), digest);
  EXPECT_EQ(digest_of_member("blobs/sha256/zz"), "");
}

}  // namespace
}  // namespace slipway::image
