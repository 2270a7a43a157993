// Volumes with options of the local driver: what is taken, what is refused, what is shown.
#include "container/volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "linux/mounts.h"

namespace slipway::container {
namespace {

class VolumesTest : public testing::Test {
 protected:
  void TearDown() override {
    linux::unmount_below(root_);
    remove_tree(root_);
  }
  std::string refusal_of(const std::map<std::string, std::string>& options) {
    try {
      volumes_.create("refused", {}, false, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::invalid_argument);
      return e.what();
    }
    return "none";
  }

  const std::string root_ = "/tmp/slipway-volumes-" + random_hex(8);
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory();
  Volumes volumes_{root_, *store_, clock_};
};

TEST_F(VolumesTest, refuses_options_that_it_would_not_act_on) {
  EXPECT_EQ(refusal_of({{"color", "red"}}), "invalid option: \"color\"");
  EXPECT_EQ(refusal_of({{"o", "ro"}, {"device", "/x"}}), "missing required option: \"type\"");
  EXPECT_EQ(refusal_of({{"type", "tmpfs"}}), "missing required option: \"device\"");
  EXPECT_THAT(refusal_of({{"type", "tmpfs"}, {"device", "t"}, {"size", "1m"}}),
              testing::HasSubstr("quota"));
  EXPECT_FALSE(volumes_.find("refused"));
}

TEST_F(VolumesTest, keeps_options_and_mounts_nothing_for_a_volume_without) {
  volumes_.create("plain");
  volumes_.mount("plain");
  EXPECT_FALSE(linux::is_mount_point(volumes_.find("plain")->path));
  const std::map<std::string, std::string> options = {{"type", "tmpfs"}, {"device", "t"}};
  volumes_.create("kept", {}, false, options);
  EXPECT_EQ(volumes_.find("kept")->options, options);
  EXPECT_THROW(volumes_.mount("absent"), Error);
}

TEST_F(VolumesTest, removal_leaves_what_was_mounted_there) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string source = root_ + "-source";
  make_directories(source);
  write_file(source + "/precious", "text");
  volumes_.create("bound", {}, false, {{"type", "none"}, {"device", source}, {"o", "bind"}});
  volumes_.mount("bound");
  volumes_.mount("bound");  // the second container's start
  EXPECT_EQ(read_file(volumes_.find("bound")->path + "/precious"), "text");
  volumes_.remove("bound");
  EXPECT_FALSE(volumes_.find("bound"));
  EXPECT_EQ(read_file(source + "/precious"), "text");
  remove_tree(source);
}

TEST_F(VolumesTest, a_device_that_is_not_there_is_named) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  volumes_.create("none", {}, false, {{"type", "none"}, {"device", "/absent/x"}, {"o", "bind"}});
  try {
    volumes_.mount("none");
    FAIL() << "mounted";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("failed to mount local volume none"));
    EXPECT_THAT(e.what(), testing::HasSubstr("/absent/x"));
  }
}

}  // namespace
}  // namespace slipway::container
