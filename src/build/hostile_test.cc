// Archives made to break out: as a build context, and as what ADD unpacks. Nothing outside of the
// root may be read, made or changed, and a refusal says what was wrong.
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "build/context.h"
#include "build/files.h"
#include "build/plain_copy.h"
#include "codec/tar.h"

namespace slipway::build {
namespace {

class HostileTest : public testing::Test {
 protected:
  HostileTest()
      : dir_(std::filesystem::temp_directory_path() / ("slipway-hostile-" + random_hex(8))) {
    make_directories(dir_ + "/root/sub");
    write_file(dir_ + "/victim", "safe");
  }
  ~HostileTest() override { remove_tree(dir_); }

  static TarEntry entry(const std::string& name, TarType type = TarType::file,
                        const std::string& link = {}) {
    TarEntry made;
    made.name = name;
    made.type = type;
    made.link_target = link;
    return made;
  }
  static std::string tar_of(const std::vector<std::pair<TarEntry, std::string>>& entries) {
    std::string out;
    TarWriter writer([&](std::string_view bytes) { out += bytes; });
    for (auto [made, data] : entries) {
      made.size = data.size();
      writer.add(made);
      writer.write(data);
    }
    writer.finish();
    return out;
  }
  // One ustar header by hand, for what our own writer would not write.
  static std::string header(const std::string& name, char type, const std::string& size,
                            const std::string& magic = std::string("ustar\0"
                                                                   "00",
                                                                   8)) {
    std::string out(512, '\0');
    out.replace(0, name.size(), name);
    out.replace(100, 7, "0000644");
    out.replace(108, 7, "0000000");
    out.replace(116, 7, "0000000");
    out.replace(124, size.size(), size);
    out.replace(136, 11, "00000000000");
    out[156] = type;
    out.replace(257, magic.size(), magic);
    out.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : out) sum += static_cast<unsigned char>(c);
    out.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
    return out;
  }
  static std::string padded(std::string data) {
    data.resize((data.size() + 511) / 512 * 512);
    return data;
  }
  static std::string pax(const std::string& key, const std::string& value) {
    size_t length = key.size() + value.size() + 3;
    length += std::to_string(length + std::to_string(length).size()).size();
    const std::string record = fmt::format("{} {}={}\n", length, key, value);
    return header("pax", 'x', fmt::format("{:011o}", record.size())) + padded(record);
  }
  static std::string ended(const std::string& tar) { return tar + std::string(1024, '\0'); }

  // All ways in. Whatever becomes of the archive, the world outside is as it was.
  void try_both(const std::string& tar) {
    try {
      const Context context(dir_, source_of_string(tar));
      context.root();
    } catch (const Error&) {
    }
    try {
      unpack_tar(linux::Root(dir_ + "/root"), "sub", source_of_string(tar));
    } catch (const Error&) {
    }
    try {  // and straight into a layer
      const Context context(dir_, source_of_string(tar));
      const std::string layer = dir_ + "/root/layer-" + random_hex(4);
      make_directories(layer);
      const linux::Root below(dir_ + "/root");
      PlainCopy copy(context, below, {});
      if (copy.plan({"."}, "/sub", false)) copy.write(layer, dir_ + "/root");
    } catch (const Error&) {
    }
    EXPECT_EQ(read_file(dir_ + "/victim"), "safe");
    EXPECT_EQ(std::filesystem::hard_link_count(dir_ + "/victim"), 1u);
    std::set<std::string> names;
    for (const auto& found : std::filesystem::directory_iterator(dir_))
      names.insert(found.path().filename());
    EXPECT_EQ(names, (std::set<std::string>{"root", "victim"}));
  }
  std::string refusal(const std::string& tar) {
    try {
      const Context context(dir_, source_of_string(tar));
      context.root();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

  std::string dir_;
};

TEST_F(HostileTest, NamesThatClimbOrAreAbsolute) {
  for (const std::string name : {"../victim", "../../victim", "a/../../victim", "./../victim"}) {
    try_both(tar_of({{entry(name), "evil"}}));
    EXPECT_NE(refusal(tar_of({{entry(name), "evil"}})).find("outside of itself"),
              std::string::npos);
  }
  unpack_tar(linux::Root(dir_ + "/root"), "sub",
             source_of_string(tar_of({{entry(dir_ + "/victim"), "in"}})));
  EXPECT_EQ(read_file(dir_ + "/root/sub" + dir_ + "/victim"), "in");
  try_both(tar_of({{entry(dir_ + "/victim"), "evil"}}));
}

TEST_F(HostileTest, SymlinksOnTheWay) {
  try_both(tar_of({{entry("l", TarType::symlink, dir_), ""}, {entry("l/victim"), "evil"}}));
  try_both(tar_of({{entry("l", TarType::symlink, "../.."), ""}, {entry("l/victim"), "evil"}}));
  try_both(tar_of({{entry("l", TarType::symlink, dir_ + "/victim"), ""}, {entry("l"), "evil"}}));
  try_both(tar_of({{entry("l", TarType::symlink, "/"), ""},
                   {entry("l" + dir_, TarType::directory), ""},
                   {entry("l" + dir_ + "/victim"), "evil"}}));
  try_both(
      tar_of({{entry("l", TarType::symlink, dir_), ""}, {entry("l", TarType::directory), ""}}));
}

TEST_F(HostileTest, HardLinks) {
  for (const std::string target : {"../victim", "../../victim", "/victim"})
    try_both(tar_of({{entry("h", TarType::hardlink, target), ""}, {entry("h"), "evil"}}));
  try_both(tar_of({{entry("h", TarType::hardlink, dir_ + "/victim"), ""}}));
  try_both(tar_of({{entry("s", TarType::symlink, dir_ + "/victim"), ""},
                   {entry("h", TarType::hardlink, "s"), ""},
                   {entry("h"), "evil"}}));
  try_both(tar_of(
      {{entry("s", TarType::symlink, dir_), ""}, {entry("h", TarType::hardlink, "s/victim"), ""}}));
}

TEST_F(HostileTest, DeviceNodesAreRefused) {
  for (const auto type : {TarType::char_device, TarType::block_device}) {
    auto device = entry("dev", type);
    device.device_major = 1;
    device.device_minor = 3;
    try_both(tar_of({{device, ""}}));
    EXPECT_NE(refusal(tar_of({{device, ""}})).find("device node"), std::string::npos);
    EXPECT_FALSE(exists(dir_ + "/root/sub/dev"));
  }
}

TEST_F(HostileTest, WhiteoutsAreOnlyFilesHere) {
  write_file(dir_ + "/root/sub/kept", "kept");
  const auto tar = tar_of({{entry(".wh.kept"), ""}, {entry(".wh..wh..opq"), ""}});
  try_both(tar);
  EXPECT_EQ(read_file(dir_ + "/root/sub/kept"), "kept");
}

TEST_F(HostileTest, NamesOf64KiB) {
  const std::string component(65536, 'n');
  try_both(tar_of({{entry(component), "x"}}));
  EXPECT_NE(refusal(tar_of({{entry(component), "x"}})).find("impossible name"), std::string::npos);
  std::string deep;
  while (deep.size() < 65536) deep += "d/";
  EXPECT_NE(refusal(tar_of({{entry(deep + "f"), "x"}})).find("impossible name"), std::string::npos);
  try_both(tar_of({{entry("l", TarType::symlink, component), ""}}));
  EXPECT_NE(refusal(tar_of({{entry(std::string(300, 'n')), "x"}})), "");
}

TEST_F(HostileTest, PaxRecordsThatSaySomethingElse) {
  const auto evil = header("innocent", '0', "00000000004") + padded("evil");
  try_both(ended(pax("path", "../victim") + evil));
  try_both(ended(pax("path", std::string("a\0b", 3)) + evil));
  try_both(ended(pax("linkpath", "../../victim") + header("h", '1', "00000000000")));
  try_both(ended(pax("size", "99999999999999") + evil));
  try_both(ended(pax("path", "") + evil));
  try_both(ended(header("pax", 'x', "00000000020") + padded("999999999 path=x\n") + evil));
  try_both(
      ended(pax("SCHILY.xattr.trusted.overlay.opaque", "y") + header("d", '5', "00000000000")));
  char value[8];
  EXPECT_LT(::getxattr((dir_ + "/root/sub/d").c_str(), "trusted.overlay.opaque", value, 8), 0);
}

TEST_F(HostileTest, SparseFilesThatClaimMoreThanThereIs) {
  // GNU's old format: one piece of 512 bytes at the start, and 4 TiB of holes.
  auto sparse = header("big", 'S', "00000001000", "ustar  ");
  sparse.replace(386, 24,
                 std::string("00000000000\0"
                             "00000001000\0",
                             24));
  const char real[] = {'\x80', 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0};
  sparse.replace(483, 12, std::string(real, 12));
  sparse.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : sparse) sum += static_cast<unsigned char>(c);
  sparse.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  const auto tar = ended(sparse + std::string(512, 'x'));
  const auto begin = std::chrono::steady_clock::now();
  try_both(tar);
  EXPECT_NE(refusal(tar).find("more than the"), std::string::npos) << refusal(tar);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

// The newer forms: a map of the holes in pax records, or in the file's first block.
TEST_F(HostileTest, SparseFilesInPaxRecords) {
  const auto data = padded(std::string(512, 'x'));
  const std::string map = pax("GNU.sparse.size", "4398046511104") +
                          pax("GNU.sparse.numblocks", "1") + pax("GNU.sparse.offset", "0") +
                          pax("GNU.sparse.numbytes", "512");
  const std::string newer = pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0") +
                            pax("GNU.sparse.name", "../victim") +
                            pax("GNU.sparse.realsize", "4398046511104");
  const auto begin = std::chrono::steady_clock::now();
  try_both(ended(map + header("big", '0', "00000001000") + data));
  try_both(ended(newer + header("big", '0', "00000002000") + padded("1\n0\n512\n") + data));
  try_both(ended(newer + header("big", '0', "00000001000") + padded("999999999\n-5\nx\n")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(HostileTest, LinksOf64KiBAndTimesBeyondAllTime) {
  const std::string far(65536, 'n');
  try_both(ended(pax("linkpath", far) + header("h", '1', "00000000000")));
  try_both(ended(pax("mtime", "99999999999999999999") + header("f", '0', "00000000000")));
  try_both(ended(pax("mtime", "-99999999999.999999999") + header("f", '0', "00000000000")));
  try_both(ended(pax("uid", "99999999999999") + header("f", '0', "00000000000")));
}

TEST_F(HostileTest, ManyNestedDirectories) {
  std::string name;
  for (int i = 0; i < 2000; ++i) name += "d/";
  try_both(tar_of({{entry(name + "f"), "x"}}));
}

}  // namespace
}  // namespace slipway::build
