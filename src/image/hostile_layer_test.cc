// Layers made to break out, of the kinds that unpack_test.cc has not: names of 64 KiB, sparse
// files, pax records that say something else than the header, device nodes under false names.
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/tar.h"
#include "image/unpack.h"

namespace slipway::image {
namespace {

class HostileLayer : public ::testing::Test {
 protected:
  HostileLayer() : top_("/tmp/slipway-hostile-layer-" + random_hex(6)) {
    make_directories(top_ + "/root");
    write_file(top_ + "/victim", "safe");
  }
  ~HostileLayer() override { remove_tree(top_); }

  static void set_sum(std::string& header) {
    header.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    header.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  }
  static std::string header(const std::string& name, char type, uint64_t size,
                            const std::string& magic = std::string("ustar\0"
                                                                   "00",
                                                                   8)) {
    std::string out(512, '\0');
    out.replace(0, name.size(), name);
    out.replace(100, 7, "0000644");
    out.replace(108, 7, "0000000");
    out.replace(116, 7, "0000000");
    out.replace(124, 11, fmt::format("{:011o}", size));
    out.replace(136, 11, "00000000000");
    out[156] = type;
    if (type == '1' || type == '2') out[157] = 'x';  // the target, until a pax record says another
    out.replace(257, magic.size(), magic);
    out.replace(329, 7, "0000001");
    out.replace(337, 7, "0000003");
    set_sum(out);
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
    return header("pax", 'x', record.size()) + padded(record);
  }
  static std::string file(const std::string& name, const std::string& data, char type = '0') {
    return header(name, type, data.size()) + padded(data);
  }

  // What was said, "" when it was taken; whatever it was, nothing outside was touched.
  std::string unpack(const std::string& entries) {
    std::string said;
    try {
      unpack_layer(source_of_string(entries + std::string(1024, '\0')), top_ + "/root", {});
    } catch (const Error& e) {
      said = e.what();
    }
    EXPECT_EQ(read_file(top_ + "/victim"), "safe");
    EXPECT_EQ(std::filesystem::hard_link_count(top_ + "/victim"), 1u);
    size_t names = 0;
    for (const auto& found : std::filesystem::directory_iterator(top_)) names += found.exists();
    EXPECT_EQ(names, 2u);
    return said;
  }

  std::string top_;
};

TEST_F(HostileLayer, NamesOf64KiB) {
  const std::string component(65536, 'n');
  EXPECT_NE(unpack(pax("path", component) + file("f", "x")).find("longer than 4096"),
            std::string::npos);
  std::string deep;
  while (deep.size() < 65536) deep += "d/";
  EXPECT_NE(unpack(pax("path", deep + "f") + file("f", "x")), "");
  EXPECT_NE(unpack(pax("linkpath", component) + header("l", '1', 0)), "");
  unpack(pax("linkpath", component) + header("s", '2', 0));
  EXPECT_NE(unpack(pax("path", std::string(300, 'n')) + file("f", "x")), "");
  // As GNU's tar writes them.
  EXPECT_NE(unpack(file("././@LongLink", component + std::string(1, '\0'), 'L') + file("f", "x")),
            "");
}

TEST_F(HostileLayer, PaxRecordsThatSaySomethingElse) {
  EXPECT_NE(unpack(pax("path", "../victim") + file("innocent", "evil")), "");
  unpack(pax("path", std::string("a\0b", 3)) + file("innocent", "evil"));
  EXPECT_NE(unpack(pax("linkpath", "../../victim") + header("h", '1', 0)), "");
  EXPECT_NE(unpack(pax("path", "../.wh.victim") + file("w", "")), "");
  unpack(pax("size", "99999999999999") + file("f", "evil"));
  unpack(pax("path", "") + file("f", "evil"));
  unpack(header("pax", 'x', 16) + padded("999999999 path=x\n") + file("f", "evil"));
  unpack(pax("mtime", "99999999999999999999") + file("t", "x"));
  EXPECT_EQ(unpack(pax("SCHILY.xattr.trusted.overlay.opaque", "y") + header("d", '5', 0)), "");
  char value[8];
  EXPECT_LT(::getxattr((top_ + "/root/d").c_str(), "trusted.overlay.opaque", value, 8), 0);
  EXPECT_EQ(unpack(pax("SCHILY.xattr.trusted.overlay.redirect", "/victim") + header("r", '5', 0)),
            "");
  EXPECT_LT(::getxattr((top_ + "/root/r").c_str(), "trusted.overlay.redirect", value, 8), 0);
}

TEST_F(HostileLayer, SparseFilesThatClaimMoreThanThereIs) {
  auto sparse = header("big", 'S', 512, "ustar  ");
  sparse.replace(386, 24,
                 std::string("00000000000\0"
                             "00000001000\0",
                             24));
  const char real[] = {'\x80', 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0};  // 4 TiB
  sparse.replace(483, 12, std::string(real, 12));
  set_sum(sparse);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(unpack(sparse + std::string(512, 'x')).find("more than the"), std::string::npos);
  EXPECT_NE(unpack(pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0") +
                   pax("GNU.sparse.name", "big2") + pax("GNU.sparse.realsize", "4398046511104") +
                   header("f", '0', 1024) + padded("1\n0\n512\n") + std::string(512, 'x')),
            "");
  unpack(pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0") +
         pax("GNU.sparse.name", "../victim") + pax("GNU.sparse.realsize", "512") +
         header("f", '0', 1024) + padded("1\n0\n512\n") + std::string(512, 'x'));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(HostileLayer, DeviceNodesAreNotMadeUnderAnyName) {
  const auto device = [](const std::string& name, char type) { return header(name, type, 0); };
  for (const char type : {'3', '4'}) {
    EXPECT_EQ(unpack(device("dev/mem", type) + device(".wh.x", type) + pax("path", "hidden") +
                     device("other", type)),
              "");
    for (const char* name : {"dev/mem", ".wh.x", "x", "hidden", "other"}) {
      struct stat info {};
      const bool there = ::lstat((top_ + "/root/" + name).c_str(), &info) == 0;
      EXPECT_FALSE(there && (S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode))) << name;
    }
  }
  // A hard link cannot name a whiteout as its file: that is a device node of ours.
  EXPECT_NE(unpack(file(".wh.gone", "") + pax("linkpath", "gone") + header("back", '1', 0)), "");
}

}  // namespace
}  // namespace slipway::image
