// A plain copy gives, file by file, what copy gives; and takes over files of an earlier layer only
// when they are the same.
#include "build/plain_copy.h"

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/tar.h"
#include "linux/mounts.h"

namespace slipway::build {
namespace {

class PlainCopyTest : public testing::Test {
 public:
  PlainCopyTest()
      : dir_(std::filesystem::temp_directory_path() / ("slipway-plain-" + random_hex(8))) {
    make_directories(dir_ + "/contexts");
    make_directories(dir_ + "/lower");
  }
  ~PlainCopyTest() override { remove_tree(dir_); }

  PlainCopyTest& add(const std::string& name, const std::string& data, uint32_t mode = 0644,
                     int64_t mtime = 1'500'000'000) {
    TarEntry made;
    made.name = name;
    made.mode = mode;
    made.mtime = mtime;
    made.mtime_ns = 123'000'000;
    made.uid = 1000;
    made.size = data.size();
    if (name.ends_with('/')) made.type = TarType::directory;
    writer().add(made);
    writer().write(data);
    return *this;
  }
  PlainCopyTest& add_link(const std::string& name, const std::string& to) {
    TarEntry made;
    made.name = name;
    made.type = TarType::symlink;
    made.link_target = to;
    made.mtime = 1'400'000'000;
    writer().add(made);
    return *this;
  }
  TarWriter& writer() {
    if (!writer_)
      writer_ = std::make_unique<TarWriter>([this](std::string_view bytes) { tar_ += bytes; });
    return *writer_;
  }
  std::string taken() {
    writer().finish();
    writer_.reset();
    return std::exchange(tar_, {});
  }

  // nullopt: not plain.
  std::optional<std::string> plain(const std::string& tar, const std::vector<std::string>& sources,
                                   const std::string& to, const CopyOptions& options = {},
                                   const std::string& earlier = {}) {
    const Context context(dir_ + "/contexts", source_of_string(tar));
    const linux::Root lower(dir_ + "/lower");
    PlainCopy copy(context, lower, options);
    if (!copy.plan(sources, to, false)) return std::nullopt;
    const std::string upper = dir_ + "/upper-" + random_hex(4);
    make_directories(upper);
    copy.write(upper, earlier);
    return upper;
  }
  // By unpacking, into a copy of the lower tree.
  std::string thorough(const std::string& tar, const std::vector<std::string>& sources,
                       const std::string& to, const CopyOptions& options = {}) {
    const Context context(dir_ + "/contexts", source_of_string(tar));
    const std::string target = dir_ + "/full-" + random_hex(4);
    std::filesystem::copy(
        dir_ + "/lower", target,
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    const linux::Root root(target);
    for (const auto& source : sources)
      copy(context.root(), select(context.root(), source), root, to, sources.size() > 1, options);
    return target;
  }
  // Names with all that an image keeps of them; of directories no time.
  static std::map<std::string, std::string> listing(const std::string& root) {
    std::map<std::string, std::string> out;
    for (const auto& found : std::filesystem::recursive_directory_iterator(root)) {
      struct stat info {};
      EXPECT_EQ(::lstat(found.path().c_str(), &info), 0);
      std::string text = fmt::format("{:o} {}:{}", info.st_mode, info.st_uid, info.st_gid);
      if (!S_ISDIR(info.st_mode))
        text += fmt::format(" {}.{}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
      if (S_ISREG(info.st_mode)) text += " " + read_file(found.path());
      if (S_ISLNK(info.st_mode)) text += " " + std::filesystem::read_symlink(found).string();
      out[found.path().lexically_relative(root)] = text;
    }
    return out;
  }
  void expect_same(const std::string& tar, const std::vector<std::string>& sources,
                   const std::string& to, const CopyOptions& options = {}) {
    const auto upper = plain(tar, sources, to, options);
    ASSERT_TRUE(upper.has_value()) << to;
    auto full = listing(thorough(tar, sources, to, options));
    const auto mine = listing(*upper);
    const auto below = listing(dir_ + "/lower");
    for (const auto& [name, text] : mine) EXPECT_EQ(text, full[name]) << name;
    for (const auto& [name, text] : full)
      EXPECT_TRUE(mine.contains(name) || below.contains(name)) << name;
    EXPECT_FALSE(mine.empty());
  }
  std::string tree() {
    return add("src/", "", 0700)
        .add("src/a.txt", "A")
        .add("src/run", "#!", 04755)
        .add("src/deep/", "", 02750)
        .add("src/deep/b.txt", std::string(300'000, 'b'))
        .add("src/implied/c.txt", "C")
        .add_link("src/link", "deep/b.txt")
        .add("top.txt", "T", 0600)
        .taken();
  }

  std::string dir_, tar_;
  std::unique_ptr<TarWriter> writer_;
};

TEST_F(PlainCopyTest, GivesWhatCopyGives) {
  const std::string tar = tree();
  make_directories(dir_ + "/lower/there/deep", 0711);
  write_file(dir_ + "/lower/there/a.txt", "old", 0600);
  write_file(dir_ + "/lower/there/kept", "kept");
  CopyOptions other;
  other.owner = Owner{7, 8};
  other.mode = ModeChange::parse("u=rwX,go=rX");
  for (const CopyOptions& options : {CopyOptions{}, other}) {
    expect_same(tar, {"src"}, "/new", options);
    expect_same(tar, {"src"}, "/there", options);
    expect_same(tar, {"src/"}, "/", options);
    expect_same(tar, {"."}, "/x/y/", options);
    expect_same(tar, {"top.txt"}, "/there", options);
    expect_same(tar, {"top.txt"}, "/file", options);
    expect_same(tar, {"top.txt", "src/a.txt"}, "/some/", options);
    expect_same(tar, {"src/deep", "top.txt"}, "/some/", options);
    expect_same(tar, {"src/[ad]*"}, "/wild/", options);
  }
}

TEST_F(PlainCopyTest, LeavesWhatIsNotPlain) {
  const std::string tar = tree();
  make_directories(dir_ + "/lower/dir/a.txt");
  write_file(dir_ + "/lower/file", "x");
  ASSERT_EQ(::symlink("dir", (dir_ + "/lower/way").c_str()), 0);
  EXPECT_FALSE(plain(tar, {"src"}, "/dir"));        // a directory where a file should be
  EXPECT_FALSE(plain(tar, {"src"}, "/file"));       // and a file for a directory
  EXPECT_FALSE(plain(tar, {"src"}, "/way"));        // a symlink
  EXPECT_FALSE(plain(tar, {"src"}, "/way/below"));  // ... on the way
  EXPECT_FALSE(plain(tar, {"src/link"}, "/l"));     // one that is to be followed
  EXPECT_FALSE(plain(tar, {"top.txt", "top.txt"}, "/twice/"));
  EXPECT_THROW(plain(tar, {"nothing"}, "/x"), Error);
}

TEST_F(PlainCopyTest, LinksOnlyFilesThatAreTheSame) {
  const std::string tar = tree();
  const auto first = plain(tar, {"src"}, "/s");
  ASSERT_TRUE(first.has_value());
  const std::string changed = add("src/", "", 0700)
                                  .add("src/a.txt", "Z")       // contents
                                  .add("src/run", "#!", 0755)  // mode
                                  .add("src/deep/b.txt", std::string(299'999, 'b') + "c")
                                  .add("src/implied/c.txt", "C")  // nothing
                                  .taken();
  const auto second = plain(changed, {"src"}, "/s", {}, *first);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(read_file(*second + "/s/a.txt"), "Z");
  EXPECT_EQ(read_file(*second + "/s/deep/b.txt"), std::string(299'999, 'b') + "c");
  EXPECT_EQ(read_file(*first + "/s/a.txt"), "A");
  const auto names = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info.st_nlink;
  };
  EXPECT_EQ(names(*second + "/s/a.txt"), 1u);
  EXPECT_EQ(names(*second + "/s/run"), 1u);
  EXPECT_EQ(names(*second + "/s/deep/b.txt"), 1u);
  EXPECT_EQ(names(*second + "/s/implied/c.txt"), 2u);
  EXPECT_EQ(listing(*second), listing(*plain(changed, {"src"}, "/s")));
  // One time that differs is one file that differs.
  const auto later =
      plain(add("src/implied/c.txt", "C", 0644, 1'500'000'001).taken(), {"src"}, "/s", {}, *first);
  EXPECT_EQ(names(*later + "/s/implied/c.txt"), 1u);
}

TEST_F(PlainCopyTest, AnEarlierLayerCannotLeadOutOfItself) {
  write_file(dir_ + "/secret", "S");
  const timespec time{1'500'000'000, 123'000'000};
  const timespec times[] = {time, time};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ + "/secret").c_str(), times, 0), 0);
  make_directories(dir_ + "/earlier");
  ASSERT_EQ(::symlink(dir_.c_str(), (dir_ + "/earlier/s").c_str()), 0);
  make_directories(dir_ + "/earlier2/s");
  ASSERT_EQ(::symlink((dir_ + "/secret").c_str(), (dir_ + "/earlier2/s/secret").c_str()), 0);
  const std::string tar = add("secret", "S").taken();
  for (const char* earlier : {"/earlier", "/earlier2"}) {
    const auto made = plain(tar, {"secret"}, "/s/", {}, dir_ + earlier);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(read_file(*made + "/s/secret"), "S");
    EXPECT_EQ(std::filesystem::hard_link_count(dir_ + "/secret"), 1u);
  }
}

}  // namespace
}  // namespace slipway::build
