// A build context: the tar that the client sent, unpacked below one folder from which no entry can
// escape, minus what .dockerignore leaves out. A small one lies in memory (thousands of small files
// that are read once and removed are slow on a disk), a large one on disk.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "build/parser/ignore.h"
#include "codec/compress.h"
#include "linux/mounts.h"
#include "linux/rooted.h"

namespace slipway::build {

struct Owner {
  uint32_t uid = 0, gid = 0;
};

class Context {
 public:
  // Unpacks into memory, or into a new folder below parent. Throws Error(invalid_argument) naming
  // the entry for
  // "..", device nodes and the like; the folder is then removed.
  Context(const std::string& parent, const ByteSource& tar);
  ~Context();  // removes it
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const linux::Root& root() const { return *root_; }
  // Removes what .dockerignore (or <dockerfile>.dockerignore) excludes.
  void apply_ignore(const std::string& dockerfile);
  // Where the tree is for a mount: its folder, or a new mount point below parent that lasts as long
  // as the context. Thread-safe.
  std::string path(const std::string& parent) const;
  void unmount() const;

 private:
  bool unpack_in_memory(std::string_view tar);
  void unpack_on_disk(const std::string& parent, const ByteSource& tar);
  std::string path_;  // empty: in memory
  std::unique_ptr<linux::Root> root_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<linux::MountGuard> mounted_;
  mutable std::string mount_point_;
};

// Unpacks any tar (plain, gzip, zstd) below dir of root; all of it owned by owner, or as in the
// archive. Entries that would leave the root are refused with an Error(invalid_argument).
void unpack_tar(const linux::Root& root, const std::string& dir, const ByteSource& source,
                const std::optional<Owner>& owner = {});

}  // namespace slipway::build
