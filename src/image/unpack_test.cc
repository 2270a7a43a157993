#include "image/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/diff.h"
#include "image/whiteout.h"

namespace slipway::image {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct stat stat_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info;
}
std::string xattr_of(const std::string& path, const char* name) {
  char value[256];
  const ssize_t n = ::lgetxattr(path.c_str(), name, value, sizeof value);
  return n < 0 ? "" : std::string(value, n);
}

TarEntry entry(std::string name, TarType type, std::string target = {}) {
  TarEntry out;
  out.name = std::move(name);
  out.type = type;
  out.link_target = std::move(target);
  out.mode = type == TarType::directory ? 0755 : 0644;
  out.mtime = 1'600'000'000;
  return out;
}

// A sandbox with a secret beside the layer's root, and an archive under construction.
class Unpack : public ::testing::Test {
 public:
  Unpack() : top_("/tmp/slipway-unpack-" + random_hex(6)), root_(top_ + "/root") {
    make_directories(root_);
    make_directories(top_ + "/outside");
    write_file(top_ + "/outside/secret", "secret");
  }
  ~Unpack() override { remove_tree(top_); }

  Unpack& add(TarEntry e, std::string_view data = {}) {
    e.size = data.size();
    writer_.add(e);
    if (!data.empty()) writer_.write(data);
    return *this;
  }
  Unpack& file(std::string name, std::string_view data = "x") {
    return add(entry(std::move(name), TarType::file), data);
  }
  Unpack& directory(std::string name) { return add(entry(std::move(name), TarType::directory)); }
  Unpack& symlink(std::string name, std::string to) {
    return add(entry(std::move(name), TarType::symlink, std::move(to)));
  }
  Unpack& hard_link(std::string name, std::string to) {
    return add(entry(std::move(name), TarType::hardlink, std::move(to)));
  }
  UnpackedLayer run(const UnpackLimits& limits = {}) {
    writer_.finish();
    return unpack_layer(source_of_string(archive_), root_, {}, limits);
  }
  std::string in(const std::string& path) const { return root_ + "/" + path; }
  // Nothing but the secret, unchanged, stands beside the root.
  void expect_outside_untouched() {
    EXPECT_EQ(read_file(top_ + "/outside/secret"), "secret");
    EXPECT_EQ(stat_of(top_ + "/outside/secret").st_nlink, 1u);
    size_t count = 0;
    for (const auto& unused : std::filesystem::recursive_directory_iterator(top_ + "/outside"))
      count += unused.exists();
    EXPECT_EQ(count, 1u);
    count = 0;
    for (const auto& unused : std::filesystem::directory_iterator(top_)) count += unused.exists();
    EXPECT_EQ(count, 2u);
  }

  std::string top_, root_, archive_;
  TarWriter writer_{[this](std::string_view bytes) { archive_ += bytes; }};
};

TEST_F(Unpack, KeepsModesOwnersTimesLinksAndData) {
  TarEntry tool = entry("usr/bin/tool", TarType::file);
  tool.mode = 04755;
  tool.uid = 1000;
  tool.gid = 2000;
  const auto layer = directory("usr/")
                         .add(tool, "#!")
                         .hard_link("usr/bin/alias", "usr/bin/tool")
                         .symlink("bin", "usr/bin")
                         .run();
  EXPECT_EQ(layer.diff_id, sha256_digest(archive_));
  EXPECT_EQ(layer.size, 2u);
  const auto info = stat_of(in("usr/bin/tool"));
  EXPECT_EQ(info.st_mode & 07777, 04755u);
  EXPECT_EQ(info.st_uid, 1000u);
  EXPECT_EQ(info.st_gid, 2000u);
  EXPECT_EQ(info.st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(stat_of(in("usr/bin/alias")).st_ino, info.st_ino);
  EXPECT_TRUE(S_ISLNK(stat_of(in("bin")).st_mode));
  EXPECT_EQ(stat_of(in("usr")).st_mtim.tv_sec, 1'600'000'000);
}

TEST_F(Unpack, KeepsCapabilitiesAndUserAttributesOnly) {
  TarEntry e = entry("ping", TarType::file);
  const std::string caps(
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  e.xattrs = {{"security.capability", caps}, {"user.note", "hi"}, {"trusted.overlay.opaque", "y"}};
  add(e, "data").run();
  EXPECT_EQ(xattr_of(in("ping"), "security.capability"), caps);
  EXPECT_EQ(xattr_of(in("ping"), "user.note"), "hi");
  EXPECT_EQ(xattr_of(in("ping"), "trusted.overlay.opaque"), "");
}

TEST_F(Unpack, RefusesDotDotThatLeavesTheRoot) {
  file("a/../../outside/secret", "owned");
  EXPECT_THAT([&] { run(); }, ThrowsMessage<Error>(HasSubstr("leaves the root")));
  expect_outside_untouched();
}

TEST_F(Unpack, TakesAbsoluteNamesAsRelativeToTheRoot) {
  file("/etc/motd", "hello").run();
  EXPECT_EQ(read_file(in("etc/motd")), "hello");
}

TEST_F(Unpack, WritesThroughNoSymlinkedDirectoryOutOfTheRoot) {
  symlink("out", top_ + "/outside").symlink("up", "../../../../../..");
  file("out/secret", "owned").file("up/tmp-owned", "owned");
  // "/": a symlink's absolute target is looked up inside the root, where it does not exist.
  EXPECT_THROW(run(), Error);
  expect_outside_untouched();
}

TEST_F(Unpack, ReplacesASymlinkInsteadOfWritingThroughIt) {
  symlink("link", top_ + "/outside/secret").file("link", "mine").run();
  EXPECT_EQ(read_file(in("link")), "mine");
  expect_outside_untouched();
}

TEST_F(Unpack, SetsNoModeThroughASymlink) {
  symlink("d", top_ + "/outside").directory("d/").run();
  EXPECT_TRUE(S_ISDIR(stat_of(in("d")).st_mode));
  expect_outside_untouched();
}

TEST_F(Unpack, RefusesHardLinksOutOfTheRoot) {
  hard_link("stolen", "../outside/secret");
  EXPECT_THROW(run(), Error);
  expect_outside_untouched();
}

TEST_F(Unpack, RefusesHardLinksThroughASymlinkedDirectory) {
  symlink("out", top_ + "/outside").hard_link("stolen", "out/secret");
  EXPECT_THROW(run(), Error);
  expect_outside_untouched();
}

TEST_F(Unpack, RefusesHardLinksToWhatTheLayerLacks) {
  hard_link("a", "nothing");
  EXPECT_THAT([&] { run(); }, ThrowsMessage<Error>(HasSubstr("does not hold")));
}

TEST_F(Unpack, WhiteoutsCannotReachOutOfTheRoot) {
  file("../outside/.wh.secret", "");
  EXPECT_THROW(run(), Error);
  expect_outside_untouched();
}

TEST_F(Unpack, WhiteoutThroughASymlinkStaysInside) {
  symlink("out", top_ + "/outside").file("out/.wh.secret", "");
  EXPECT_THROW(run(), Error);
  expect_outside_untouched();
}

TEST_F(Unpack, RefusesWhiteoutsOfDots) {
  file("a/.wh...", "");
  EXPECT_THAT([&] { run(); }, ThrowsMessage<Error>(HasSubstr("not a valid whiteout")));
}

TEST_F(Unpack, TurnsWhiteoutsIntoOverlayForm) {
  file("etc/.wh.old", "").file("var/.wh..wh..opq", "").run();
  EXPECT_TRUE(is_overlay_whiteout(stat_of(in("etc/old"))));
  EXPECT_EQ(xattr_of(in("var"), opaque_xattr), "y");
}

TEST_F(Unpack, AWhiteoutLeavesWhatTheSameLayerBrought) {
  file("etc/new", "new").file("etc/.wh.new", "").run();
  EXPECT_EQ(read_file(in("etc/new")), "new");
}

TEST_F(Unpack, ADirectoryAfterItsWhiteoutHidesTheOneBelow) {
  file(".wh.d", "").directory("d").file("d/x", "x").run();
  EXPECT_EQ(xattr_of(in("d"), opaque_xattr), "y");
  EXPECT_EQ(read_file(in("d/x")), "x");
}

TEST_F(Unpack, MakesNoDeviceNodes) {
  TarEntry disk = entry("dev/sda", TarType::block_device);
  disk.device_major = 8;
  TarEntry fake = entry("fake-whiteout", TarType::char_device);
  add(disk).add(fake).file("ok").run();
  EXPECT_FALSE(exists(in("dev/sda")));
  EXPECT_FALSE(exists(in("fake-whiteout")));
  EXPECT_TRUE(exists(in("ok")));
}

TEST_F(Unpack, ReplacesATreeByAFile) {
  file("a/b/c", "1").file("a", "now a file").run();
  EXPECT_EQ(read_file(in("a")), "now a file");
}

TEST_F(Unpack, StopsAtItsLimits) {
  file("one").file("two").file("three");
  EXPECT_THAT([&] { run({.max_entries = 2}); }, ThrowsMessage<Error>(HasSubstr("2 entries")));
}

TEST_F(Unpack, StopsAtItsByteLimit) {
  file("big", std::string(100'000, 'x'));
  EXPECT_THAT([&] { run({.max_bytes = 50'000}); }, ThrowsMessage<Error>(HasSubstr("50000 bytes")));
}

TEST_F(Unpack, SaysThatAnArchiveIsCutShort) {
  file("big", std::string(100'000, 'x'));
  writer_.finish();
  archive_.resize(50'000);
  EXPECT_THROW(unpack_layer(source_of_string(archive_), root_, {}), Error);
}

TEST_F(Unpack, EndsWhenStopped) {
  file("a");
  writer_.finish();
  Stop stop;
  stop.request();
  EXPECT_THROW(unpack_layer(source_of_string(archive_), root_, stop), Error);
}

TEST_F(Unpack, DiffWritesWhatUnpackReads) {
  TarEntry tool = entry("bin/tool", TarType::file);
  tool.mode = 04755;
  tool.uid = 7;
  tool.xattrs = {{"user.note", "hi"}};
  directory("bin/").file("bin/.wh.gone", "").add(tool, "tool").hard_link("bin/two", "bin/tool");
  directory("var/").file("var/.wh..wh..opq", "").symlink("z", "/nowhere").run();

  const auto tar_of = [](const std::string& directory) {
    std::string out;
    TarWriter tar([&](std::string_view bytes) { out += bytes; });
    write_layer(directory, tar, {});
    tar.finish();
    return out;
  };
  const std::string first = tar_of(root_);
  const std::string second_root = top_ + "/second";
  make_directories(second_root);
  unpack_layer(source_of_string(first), second_root, {});
  EXPECT_EQ(tar_of(second_root), first);

  std::vector<std::string> names;
  TarReader reader(source_of_string(first));
  for (TarEntry e; reader.next(e);) names.push_back(e.name);
  EXPECT_THAT(names, ::testing::ElementsAre("bin/", "bin/.wh.gone", "bin/tool", "bin/two", "var/",
                                            "var/.wh..wh..opq", "z"));
}

TEST_F(Unpack, DiffRefusesNamesThatMeanDeletion) {
  write_file(in(".wh.trap"), "");
  TarWriter tar([](std::string_view) {});
  EXPECT_THAT([&] { write_layer(root_, tar, {}); }, ThrowsMessage<Error>(HasSubstr(".wh.")));
}

}  // namespace
}  // namespace slipway::image
