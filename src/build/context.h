// A build context: the tar that the client sent, unpacked below one folder from which no entry can
// escape, minus what .dockerignore leaves out. A small one lies in memory (thousands of small files
// that are read once and removed are slow on a disk), a large one on disk.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "build/parser/ignore.h"
#include "codec/compress.h"
#include "linux/mounts.h"
#include "linux/rooted.h"

namespace slipway::build {

struct Owner {
  uint32_t uid = 0, gid = 0;
};

class TarIndex;

class Context {
 public:
  // Takes the archive in. A small one stays as it is until its files are needed; a large one is
  // unpacked into a new folder below parent. dockerfile: its name, whose text will be asked for.
  // Throws Error(invalid_argument) naming the entry for "..", device nodes and the like.
  Context(const std::string& parent, const ByteSource& tar,
          const std::string& dockerfile = "Dockerfile");
  ~Context();  // removes it
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // The files; unpacked at the first call. Thread-safe.
  const linux::Root& root() const;
  // nullopt: no such file.
  std::optional<std::string> read_file(const std::string& name) const;
  // Leaves out what .dockerignore (or <dockerfile>.dockerignore) excludes.
  void apply_ignore();
  void leave_out(const std::string& name);
  // While nothing had to be unpacked: what the archive holds (minus what .dockerignore leaves out),
  // and the archive itself. nullptr: use root().
  const TarIndex* index() const { return index_.get(); }
  std::shared_ptr<const std::string> archive() const;
  // What the user calls the context, for errors; may stay empty.
  void set_shown_name(const std::string& name) { shown_name_ = name; }
  // Why a pattern finds nothing: a line of .dockerignore, or a name that is nearly the same.
  std::string why_missing(const std::string& pattern) const;
  // Of the files that a pattern means (files.h), without unpacking when that is possible.
  std::string checksum(const std::string& pattern, bool parents, const Ignore* excludes,
                       std::vector<std::pair<std::string, std::string>>* files) const;
  // Where the tree is for a mount: its folder, or a new mount point below parent that lasts as long
  // as the context. Thread-safe.
  std::string path(const std::string& parent) const;
  void unmount() const;

 private:
  std::string checksum_of(const std::string& pattern, bool parents, const Ignore* excludes,
                          std::vector<std::pair<std::string, std::string>>* files) const;
  bool unpack_in_memory(std::string_view tar) const;
  void unpack_on_disk(const ByteSource& tar) const;
  void unpack() const;
  void drop_left_out() const;
  std::string parent_, dockerfile_, shown_name_;
  std::unique_ptr<TarIndex> index_;
  Ignore ignore_;
  std::string ignore_name_;
  std::vector<std::string> left_out_;
  mutable std::shared_ptr<const std::string> archive_;  // until it is unpacked
  mutable std::string path_;                            // empty: in memory
  mutable std::unique_ptr<linux::Root> root_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<linux::MountGuard> mounted_;
  mutable std::string mount_point_;
};

// Unpacks any tar (plain, gzip, zstd) below dir of root; all of it owned by owner, or as in the
// archive. Entries that would leave the root are refused with an Error(invalid_argument).
void unpack_tar(const linux::Root& root, const std::string& dir, const ByteSource& source,
                const std::optional<Owner>& owner = {});

}  // namespace slipway::build
