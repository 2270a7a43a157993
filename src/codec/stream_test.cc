// Tar and compression streams.
#include <gtest/gtest.h>
#include <random>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "codec/compress.h"
#include "codec/tar.h"

namespace slipway {
namespace {

constexpr size_t kLimit = 64 << 20;

std::string sample(size_t size) {
  std::mt19937 random(7);
  std::string out;
  while (out.size() < size) out += std::to_string(random() % 5000) + " words ";
  out.resize(size);
  return out;
}

std::string gzip(std::string_view bytes, size_t piece) {
  std::string out;
  auto writer = make_gzip_writer([&](std::string_view made) { out += made; });
  for (size_t i = 0; i < bytes.size(); i += piece) writer->write(bytes.substr(i, piece));
  writer->finish();
  return out;
}

// A source that gives at most piece bytes at a time.
ByteSource in_pieces(std::string_view bytes, size_t piece) {
  return [source = source_of_string(bytes), piece](std::span<char> into) {
    return source(into.first(std::min(into.size(), piece)));
  };
}

std::string gunzip(std::string_view bytes, size_t piece = 1000) {
  return read_to_string(make_decompressor(in_pieces(bytes, piece)), kLimit);
}

std::string zlib_gunzip(std::string bytes, size_t room) {
  std::string out(room + 1, 0);
  z_stream z{};
  inflateInit2(&z, 31);
  z.next_in = reinterpret_cast<Bytef*>(bytes.data());
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int rc = inflate(&z, Z_FINISH);
  inflateEnd(&z);
  EXPECT_EQ(rc, Z_STREAM_END);
  out.resize(z.total_out);
  return out;
}

TEST(Gzip, OutputIsReadByZlibAndDoesNotDependOnHowItIsCut) {
  for (const size_t size : {0ul, 1ul, 131'072ul, 1'000'003ul}) {
    const auto text = sample(size);
    const auto packed = gzip(text, 1 << 20);
    EXPECT_EQ(zlib_gunzip(packed, size), text);
    EXPECT_EQ(packed, gzip(text, 777));
    EXPECT_EQ(gunzip(packed), text);
  }
}

TEST(Gzip, ReadsMembersInARowAndPadding) {
  const auto a = sample(300'000);
  const auto both = gzip(a, 5000) + gzip("tail", 1) + std::string(700, '\0');
  for (const size_t piece : {1ul, 7ul, 1000ul, 1'000'000ul})
    EXPECT_EQ(gunzip(both, piece), a + "tail");
}

TEST(Gzip, RefusesTruncationCorruptionAndTrailingRubbish) {
  const auto packed = gzip(sample(200'000), 5000);
  for (const size_t cut : {5ul, 20ul, packed.size() / 2, packed.size() - 1}) {
    EXPECT_THROW(gunzip(packed.substr(0, cut)), Error) << cut;
  }
  auto corrupt = packed;
  corrupt[corrupt.size() - 6] ^= 1;  // checksum
  EXPECT_THROW(gunzip(corrupt), Error);
  EXPECT_THROW(gunzip(packed + "rubbish"), Error);
}

TEST(Zstd, ReadsFramesAndRefusesTruncation) {
  const auto text = sample(500'000);
  std::string packed(ZSTD_compressBound(text.size()), 0);
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  EXPECT_EQ(gunzip(packed + packed, 100), text + text);
  EXPECT_THROW(gunzip(packed.substr(0, packed.size() - 3)), Error);
}

TEST(Decompressor, PassesPlainDataThrough) {
  EXPECT_EQ(gunzip("abc"), "abc");
  EXPECT_EQ(gunzip(""), "");
  EXPECT_EQ(compression_of_media_type("application/vnd.oci.image.layer.v1.tar+zstd"),
            Compression::zstd);
  EXPECT_EQ(compression_of_media_type("application/vnd.docker.image.rootfs.diff.tar.gzip"),
            Compression::gzip);
}

std::vector<TarEntry> all_kinds() {
  std::vector<TarEntry> out;
  out.push_back({.name = "dir/", .type = TarType::directory, .mode = 01777, .mtime = 5});
  TarEntry file{.name = "dir/file", .mode = 04755, .uid = 3'000'000'000, .gid = 7, .size = 5};
  file.mtime = 1'700'000'000;
  file.mtime_ns = 123'456'789;
  file.xattrs = {{"security.capability", std::string("\1\0\0\2 x", 6)}, {"user.a", "b=\n"}};
  out.push_back(file);
  out.push_back({.name = "sym", .type = TarType::symlink, .mode = 0777, .link_target = "../else"});
  out.push_back({.name = "hard", .type = TarType::hardlink, .link_target = "dir/file"});
  out.push_back(
      {.name = "null", .type = TarType::char_device, .device_major = 1, .device_minor = 3});
  out.push_back({.name = "pipe", .type = TarType::fifo, .mode = 0600});
  out.push_back({.name = std::string(300, 'n') + "/\xc3\xa9\xe4\xb8\xad", .mode = 0600, .size = 0});
  return out;
}

std::string write_tar(const std::vector<TarEntry>& entries) {
  std::string out;
  TarWriter writer([&](std::string_view bytes) { out += bytes; });
  for (const auto& entry : entries) {
    writer.add(entry);
    if (entry.type == TarType::file) writer.write(std::string(entry.size, 'd'));
  }
  writer.finish();
  return out;
}

TEST(Tar, RoundTripsEveryKindOfEntry) {
  const auto entries = all_kinds();
  const auto tar = write_tar(entries);
  TarReader reader(in_pieces(tar, 100));
  TarEntry got;
  for (const auto& expected : entries) {
    ASSERT_TRUE(reader.next(got)) << expected.name;
    EXPECT_EQ(got.name, expected.name);
    EXPECT_EQ(got.type, expected.type) << expected.name;
    EXPECT_EQ(got.mode, expected.mode) << expected.name;
    EXPECT_EQ(got.uid, expected.uid);
    EXPECT_EQ(got.gid, expected.gid);
    EXPECT_EQ(got.mtime, expected.mtime);
    EXPECT_EQ(got.mtime_ns, expected.mtime_ns);
    EXPECT_EQ(got.link_target, expected.link_target);
    EXPECT_EQ(got.size, expected.size);
    EXPECT_EQ(got.device_major, expected.device_major);
    EXPECT_EQ(got.device_minor, expected.device_minor);
    auto xattrs = got.xattrs;
    std::sort(xattrs.begin(), xattrs.end());
    EXPECT_EQ(xattrs, expected.xattrs);
    if (got.type == TarType::file) {
      char data[100];
      EXPECT_EQ(reader.read(data), expected.size);
    }
  }
  EXPECT_FALSE(reader.next(got));
}

TEST(Tar, IsReproducible) {
  EXPECT_EQ(write_tar(all_kinds()), write_tar(all_kinds()));
}

TEST(Tar, EmptyArchivesAndUnreadDataAreFine) {
  TarEntry entry;
  EXPECT_FALSE(TarReader(source_of_string("")).next(entry));
  const auto empty = write_tar({});
  EXPECT_FALSE(TarReader(source_of_string(empty)).next(entry));
  TarEntry big{.name = "big", .size = 3'000'000};
  const auto tar = write_tar({big, {.name = "after", .size = 1}});
  TarReader reader(source_of_string(tar));
  ASSERT_TRUE(reader.next(entry));
  ASSERT_TRUE(reader.next(entry));
  EXPECT_EQ(entry.name, "after");
}

TEST(Tar, RefusesRubbishAndTruncation) {
  TarEntry entry;
  EXPECT_THROW(TarReader(source_of_string(std::string(2000, 'x'))).next(entry), Error);
  const auto tar = write_tar({{.name = "big", .size = 100'000}});
  const auto half = tar.substr(0, 50'000);
  TarReader reader(source_of_string(half));
  ASSERT_TRUE(reader.next(entry));
  std::vector<char> data(200'000);
  EXPECT_THROW(while (reader.read(data) > 0), Error);
}

TEST(Tar, PaddingAfterTheLastEntryMayBeMissingButNotItsData) {
  std::vector<TarEntry> entries;
  for (const size_t size : {700ul, 47ul}) entries.push_back({.name = "f", .size = size});
  const auto tar =
      write_tar(entries);  // pax or ustar heads: the last entry's data is found by its length
  const size_t end = tar.find_last_not_of('\0') + 1;
  const auto read_all = [](std::string_view bytes) {
    TarReader reader(in_pieces(bytes, 100));
    TarEntry entry;
    size_t total = 0;
    char data[300];
    while (reader.next(entry)) {
      while (const size_t n = reader.read(data)) total += n;
    }
    return total;
  };
  EXPECT_EQ(read_all(std::string_view(tar).substr(0, end)), 747u);
  EXPECT_THROW(read_all(std::string_view(tar).substr(0, end - 1)), Error);
  EXPECT_THROW(read_all(std::string_view(tar).substr(0, end - 46)), Error);
}

TEST(Tar, WhatSourceAndSinkThrowPassesThrough) {
  struct Broken {};
  TarEntry entry;
  auto broken_read = [&] {
    TarReader reader([](std::span<char>) -> size_t { throw Broken(); });
    reader.next(entry);
  };
  EXPECT_THROW(broken_read(), Broken);
  auto broken_write = [&] {
    TarWriter writer([](std::string_view) { throw Broken(); });
    writer.add({.name = "a", .size = 1'000'000});
    writer.write(std::string(1'000'000, 'x'));
  };
  EXPECT_THROW(broken_write(), Broken);
}

TEST(Tar, SizeThatWasAnnouncedMustBeKept) {
  TarWriter writer([](std::string_view) {});
  writer.add({.name = "a", .size = 3});
  EXPECT_THROW(writer.write("four"), Error);
  EXPECT_THROW(writer.add({.name = "b"}), Error);
}

}  // namespace
}  // namespace slipway
