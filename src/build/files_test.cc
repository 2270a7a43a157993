// Contexts and COPY against hostile names: nothing may leave its root.
#include "build/files.h"

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "build/context.h"
#include "codec/tar.h"

namespace slipway::build {
namespace {

class FilesTest : public testing::Test {
 protected:
  FilesTest() : dir_(std::filesystem::temp_directory_path() / ("slipway-build-" + random_hex(8))) {
    make_directories(dir_ + "/from");
    make_directories(dir_ + "/to");
  }
  ~FilesTest() override { remove_tree(dir_); }

  static std::string tar_of(const std::vector<std::pair<TarEntry, std::string>>& entries) {
    std::string out;
    TarWriter writer([&](std::string_view bytes) { out += bytes; });
    for (auto [entry, data] : entries) {
      entry.size = data.size();
      writer.add(entry);
      writer.write(data);
    }
    writer.finish();
    return out;
  }
  static TarEntry entry(const std::string& name, TarType type = TarType::file,
                        const std::string& link = {}) {
    TarEntry made;
    made.name = name;
    made.type = type;
    made.link_target = link;
    return made;
  }
  void copy_one(const std::string& source, const std::string& destination) {
    const linux::Root from(dir_ + "/from");
    const linux::Root to(dir_ + "/to");
    copy(from, select(from, source), to, destination, false, {});
  }

  std::string dir_;
};

TEST_F(FilesTest, ContextRefusesPathsOutsideOfItself) {
  for (const char* name : {"../../etc/shadow", "a/../../x", "/../x"}) {
    const auto tar = tar_of({{entry(name), "evil"}});
    EXPECT_THROW(Context(dir_, source_of_string(tar)), Error) << name;
  }
  EXPECT_FALSE(exists(dir_ + "/x"));
  // and a refused context leaves no folder behind
  for (const auto& left : std::filesystem::directory_iterator(dir_)) {
    EXPECT_FALSE(left.path().filename().string().starts_with("context-")) << left.path();
  }
}

TEST_F(FilesTest, ContextDoesNotWriteThroughSymlinks) {
  write_file(dir_ + "/victim", "safe");
  const auto tar =
      tar_of({{entry("link", TarType::symlink, dir_), ""}, {entry("link/victim"), "evil"}});
  // Inside the context that directory does not exist, so this is an error and not an escape.
  EXPECT_THROW(Context(dir_, source_of_string(tar)), Error);
  EXPECT_EQ(read_file(dir_ + "/victim"), "safe");
}

TEST_F(FilesTest, ALargeContextLiesOnDisk) {
  const std::string big(40u << 20, 'x');  // more than is kept in memory
  const Context context(dir_,
                        source_of_string(tar_of({{entry("big"), big}, {entry("small"), "s"}})));
  EXPECT_EQ(context.root().stat("big")->st_size, static_cast<off_t>(big.size()));
  EXPECT_EQ(context.root().read_file("small"), "s");
  EXPECT_TRUE(std::any_of(std::filesystem::directory_iterator(dir_), {}, [](const auto& found) {
    return found.path().filename().string().starts_with("context-");
  }));
}

TEST_F(FilesTest, ALaterEntryReplacesAnEarlierOne) {
  const auto tar = tar_of({{entry("d/a"), "first"},
                           {entry("d/a"), "second"},
                           {entry("l", TarType::symlink, "d/a"), ""},
                           {entry("l"), "a file now"}});
  const Context context(dir_, source_of_string(tar));
  EXPECT_EQ(context.root().read_file("d/a"), "second");
  EXPECT_EQ(context.root().read_file("l"), "a file now");
}

TEST_F(FilesTest, TruncatedContextIsAnError) {
  auto tar = tar_of({{entry("a"), std::string(100'000, 'x')}});
  tar.resize(5'000);
  EXPECT_THROW(Context(dir_, source_of_string(tar)), Error);
}

TEST_F(FilesTest, SourcesOutsideTheContextAreForbidden) {
  const linux::Root from(dir_ + "/from");
  EXPECT_THROW(select(from, "../to"), Error);
  EXPECT_THROW(select(from, "missing"), Error);
  EXPECT_THROW(select(from, "*.none"), Error);
}

TEST_F(FilesTest, SymlinkSourceCannotReadTheHost) {
  ASSERT_EQ(::symlink("/etc/passwd", (dir_ + "/from/p").c_str()), 0);
  EXPECT_THROW(copy_one("p", "/p"), Error);  // means <context>/etc/passwd, which is not there
  EXPECT_FALSE(exists(dir_ + "/to/p"));
}

TEST_F(FilesTest, SymlinkDestinationStaysInside) {
  write_file(dir_ + "/from/f", "x");
  ASSERT_EQ(::symlink(dir_.c_str(), (dir_ + "/to/out").c_str()), 0);
  make_directories(dir_ + "/to" + dir_);
  copy_one("f", "/out/f");
  EXPECT_FALSE(exists(dir_ + "/f"));
  EXPECT_TRUE(exists(dir_ + "/to" + dir_ + "/f"));
}

TEST_F(FilesTest, DestinationRulesAreDockers) {
  make_directories(dir_ + "/from/d/sub");
  write_file(dir_ + "/from/d/sub/x", "1");
  write_file(dir_ + "/from/f", "2", 0755);
  copy_one("f", "/bin/tool");  // a file name
  copy_one("f", "/opt/");      // into a directory that is made
  copy_one("d", "/data");      // the directory's contents
  copy_one("f", "/data");      // into a directory that is there
  EXPECT_EQ(read_file(dir_ + "/to/bin/tool"), "2");
  EXPECT_EQ(read_file(dir_ + "/to/opt/f"), "2");
  EXPECT_EQ(read_file(dir_ + "/to/data/sub/x"), "1");
  EXPECT_EQ(read_file(dir_ + "/to/data/f"), "2");
  struct stat info {};
  ASSERT_EQ(::stat((dir_ + "/to/bin/tool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
}

TEST_F(FilesTest, ChecksumSeesContentNamesAndModesButNotTimes) {
  const linux::Root from(dir_ + "/from");
  write_file(dir_ + "/from/f", "x");
  const auto sum = [&] { return checksum(from, select(from, "."), nullptr); };
  const auto first = sum();
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ + "/from/f").c_str(), old, 0), 0);
  EXPECT_EQ(sum(), first);
  ASSERT_EQ(::chmod((dir_ + "/from/f").c_str(), 0600), 0);
  EXPECT_NE(sum(), first);
  const auto second = sum();
  write_file(dir_ + "/from/f", "y", 0600);
  EXPECT_NE(sum(), second);
}

}  // namespace
}  // namespace slipway::build
