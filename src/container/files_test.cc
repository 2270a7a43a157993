// A container's files from outside: what is seen, and that nothing is left of the looking.
#include "container/files.h"

#include <fcntl.h>

#include "container/root_fixture.h"

namespace slipway::container {
namespace {

class ROOT_Files : public ROOT_Engine {
 protected:
  Spec with_volume(const std::string& script) const {
    Spec out = shell(script);
    Mount mount;
    mount.type = "volume";
    mount.source = "kept";
    mount.target = "/data";
    out.mounts = {mount};
    return out;
  }
  static size_t mounts() { return linux::list_mounts().size(); }
};

TEST_F(ROOT_Files, OfAStoppedContainerAreSeenWithItsVolumes) {
  const std::string id = engine_->create(with_volume("true"));
  const size_t before = mounts();
  {
    const auto files = engine_->files(id, FilesView::container);
    EXPECT_EQ(files->root().read_file("/data/seed"), "from the image");
    files->root().write_file("/data/new", "1");
    files->root().write_file("/tmp/new", "2");
    EXPECT_EQ(mounts(), before);
  }
  EXPECT_EQ(read_file(engine_->volumes().find("kept")->path + "/new"), "1");
  EXPECT_EQ(read_file(engine_->written_dir(id) + "/tmp/new"), "2");
  const auto root = engine_->files(id, FilesView::root);
  EXPECT_FALSE(root->root().exists("/data/new"));
  EXPECT_TRUE(root->root().exists("/tmp/new"));
}

TEST_F(ROOT_Files, OfAStoppedContainerHoldUpItsStart) {
  const std::string id = engine_->create(shell("cat /tmp/new"));
  std::jthread starter;
  std::atomic<bool> started = false;
  {
    const auto files = engine_->files(id, FilesView::container);
    starter = std::jthread([&] {
      engine_->start(id);
      started = true;
    });
    files->root().write_file("/tmp/new", "in time");
    EXPECT_FALSE(started);
  }
  starter.join();
  engine_->wait(id, WaitCondition::not_running, Stop());
  EXPECT_EQ(log_text(id), "in time");
}

TEST_F(ROOT_Files, OfARunningContainerAreItsOwn) {
  const std::string id = run_detached(
      with_volume("echo mine > /tmp/mine; rm /data/seed; while true; do sleep 1; done"));
  ASSERT_TRUE(eventually([&] { return exists(engine_->written_dir(id) + "/tmp/mine"); }));
  const auto files = engine_->files(id, FilesView::container);
  EXPECT_EQ(files->root().read_file("/tmp/mine"), "mine\n");
  EXPECT_TRUE(eventually([&] { return !files->root().exists("/data/seed"); }));
  files->root().write_file("/tmp/theirs", "x");
  EXPECT_EQ(exec(id, {.cmd = {"cat", "/tmp/theirs"}}).out, "x");
  const auto image = engine_->files(id, FilesView::image);
  EXPECT_FALSE(image->root().exists("/tmp/mine"));
  EXPECT_TRUE(image->root().exists("/data/seed"));
  engine_->remove(id, true, true);  // not held up by views of what ran
}

TEST_F(ROOT_Files, ASymlinkInTheContainerLeadsNowhereElse) {
  const std::string id = engine_->create(shell("true"));
  const auto files = engine_->files(id, FilesView::container);
  files->root().symlink("../../../../../../../etc", "/up");
  files->root().symlink("/", "/top");
  EXPECT_EQ(files->root().read_file("/up/passwd"), read_file(rootfs_ + "/etc/passwd"));
  EXPECT_EQ(files->root().read_file("/top/../etc/passwd"), read_file(rootfs_ + "/etc/passwd"));
  EXPECT_EQ(files->root().resolve("/up/passwd"), "/etc/passwd");
}

}  // namespace
}  // namespace slipway::container
