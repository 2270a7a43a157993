// Tar archives as streams (libarchive inside): reads ustar, pax, GNU and v7; writes pax. Entries
// are handed over as they stand in the archive: names are NOT made safe here (see linux/rooted.h
// and image/ for unpacking), owners and times are not looked up.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/compress.h"

namespace slipway {

enum class TarType { file, directory, symlink, hardlink, char_device, block_device, fifo };

struct TarEntry {
  std::string name{};  // as in the archive; directories may end in '/'
  TarType type = TarType::file;
  uint32_t mode = 0644;  // permission bits with setuid, setgid, sticky
  uint32_t uid = 0, gid = 0;
  int64_t mtime = 0;          // seconds since the epoch
  uint32_t mtime_ns = 0;      // and nanoseconds
  std::string link_target{};  // symlink and hardlink
  uint64_t size = 0;          // file only
  uint32_t device_major = 0, device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs{};  // "security.capability" -> bytes
};

// Errors of the archive are Error(invalid_argument); what the source throws passes through.
class TarReader {
 public:
  explicit TarReader(ByteSource source);  // uncompressed
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  // The next entry (what is left of the current one's data is skipped); false at the end.
  bool next(TarEntry& entry);
  // Data of the current entry; 0 at its end.
  size_t read(std::span<char> into);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reproducible: the output depends on nothing but the entries and their data.
class TarWriter {
 public:
  explicit TarWriter(ByteSink sink);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  // After a file entry exactly entry.size bytes must be written before the next add or finish.
  void add(const TarEntry& entry);
  void write(std::string_view bytes);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway
