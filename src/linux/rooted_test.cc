#include "linux/rooted.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"

namespace slipway::linux {
namespace {

// A folder with an "outside" beside the root that nothing may touch.
class RootTest : public ::testing::Test {
 protected:
  RootTest() {
    make_directories(base + "/root/dir/deep");
    make_directories(base + "/outside");
    write_file(base + "/outside/secret", "secret");
    root.emplace(base + "/root");
  }
  ~RootTest() override { remove_tree(base); }
  std::string base = "/tmp/slipway-rooted-" + random_hex(8);
  std::optional<Root> root;
};

TEST_F(RootTest, NoPathLeavesTheRoot) {
  write_file(base + "/root/secret", "inner");
  root->symlink("../../outside/secret", "dir/up");
  root->symlink(base + "/outside", "absolute");
  EXPECT_EQ(root->read_file("../../secret"), "inner");
  EXPECT_EQ(root->read_file("/secret"), "inner");
  EXPECT_THROW(root->read_file("dir/up"), Error);
  EXPECT_THROW(root->write_file("absolute/new", "x"), Error);
  EXPECT_FALSE(exists(base + "/outside/new"));
  EXPECT_THROW(root->open("dir/../../../../etc/hostname-of-nobody", O_RDONLY), Error);
}

TEST_F(RootTest, SymlinksInsideAreFollowedFromTheRoot) {
  write_file(base + "/root/dir/file", "text");
  root->symlink("/dir", "link");
  EXPECT_EQ(root->read_file("link/file"), "text");
  EXPECT_EQ(root->resolve("link/deep/../file"), "/dir/file");
  EXPECT_EQ(root->resolve("/../link"), "/dir");
  EXPECT_EQ(root->resolve("link/not-there"), "/dir/not-there");
  EXPECT_EQ(root->resolve("/"), "/");
  EXPECT_THROW(root->resolve("nowhere/not-there"), SystemError);
  EXPECT_EQ(root->read_link("link"), "/dir");
  EXPECT_TRUE(S_ISLNK(root->lstat("link")->st_mode));
  EXPECT_TRUE(S_ISDIR(root->stat("link")->st_mode));
}

TEST_F(RootTest, MakesDirectoriesThroughLinksButNotOutside) {
  root->symlink(base + "/outside", "absolute");
  root->symlink("/dir", "link");
  root->make_directories("link/a/b/c");
  EXPECT_TRUE(exists(base + "/root/dir/a/b/c"));
  EXPECT_THROW(root->make_directories("absolute/x"), Error);
  EXPECT_FALSE(exists(base + "/outside/x"));
  root->write_file("file", "x");
  EXPECT_THROW(root->make_directories("file/x"), Error);
}

TEST_F(RootTest, RemovesATreeWithoutFollowingLinks) {
  root->symlink(base + "/outside", "dir/link");
  root->write_file("dir/deep/file", "x");
  root->remove_all("dir");
  EXPECT_FALSE(root->exists("dir"));
  EXPECT_TRUE(exists(base + "/outside/secret"));
  root->remove_all("dir");
  EXPECT_THROW(root->remove_all("/"), Error);
  EXPECT_THROW(root->remove_all(".."), Error);
}

TEST_F(RootTest, RemovesATreeDeeperThanItMayOpen) {
  std::string path = "deep";
  root->make_directory(path);
  Fd at = root->open(path, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 700; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = Fd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.reset();
  root->remove_all("deep");
  EXPECT_FALSE(root->exists("deep"));
}

TEST_F(RootTest, AFifoOrDirectoryIsNotRead) {
  root->make_node("fifo", S_IFIFO | 0644, 0);
  EXPECT_THROW(root->read_file("fifo"), Error);
  EXPECT_THROW(root->read_file("dir"), Error);
  root->write_file("big", std::string(100, 'x'));
  EXPECT_THROW(root->read_file("big", 99), Error);
  EXPECT_THROW(root->read_file(std::string_view("a\0b", 3)), Error);
}

TEST_F(RootTest, ListsLinksAndRenames) {
  root->write_file("a", "1");
  root->hard_link("a", "b");
  root->rename("b", "dir/c");
  EXPECT_EQ(root->list("/"), (std::vector<std::string>{"a", "dir"}));
  EXPECT_EQ(root->stat("dir/c")->st_nlink, 2u);
  root->change_mode("a", 0600);
  EXPECT_EQ(root->stat("dir/c")->st_mode & 07777, 0600u);
  EXPECT_TRUE(root->remove("a"));
  EXPECT_FALSE(root->remove("a"));
  root->set_times("dir/c", {1, 0}, {2, 0});
  EXPECT_EQ(root->stat("dir/c")->st_mtim.tv_sec, 2);
}

}  // namespace
}  // namespace slipway::linux
