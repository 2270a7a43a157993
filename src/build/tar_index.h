// A build context as it stands in its archive: names, modes, owners and checksums of contents,
// taken in one pass. Enough to answer a build from the cache without writing a single file. It
// knows plain trees only: whatever needs a file system to be understood (symlinks on the way, hard
// links, an entry that replaces another) it leaves to one.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/files.h"
#include "build/parser/ignore.h"
#include "codec/compress.h"

namespace slipway::build {

class TarIndex {
 public:
  struct Node {
    uint32_t mode = 0040755, uid = 0, gid = 0;
    uint64_t size = 0;
    int64_t mtime = 0;
    uint32_t mtime_ns = 0;
    bool implied = true;    // a directory that only the names of others speak of
    std::string sum, link;  // sha256 of a file; target of a symlink
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children{};
  };

  // nullptr when the tree is not plain. keep: names of files whose text is kept. Throws
  // Error(invalid_argument) for what no context may hold.
  static std::unique_ptr<TarIndex> read(const ByteSource& archive,
                                        const std::set<std::string>& keep);

  // nullptr: no such regular file, or its text was not kept.
  const std::string* text(const std::string& name) const;
  void drop(const Ignore& ignore);
  void remove(const std::string& name);

  // As select and checksum of files.h; nullopt when only the files themselves can tell.
  std::optional<std::vector<Selected>> select(const std::string& pattern) const;
  std::optional<std::string> checksum(const std::string& pattern, bool parents,
                                      const Ignore* excludes, FileSums* files) const;

  // nullptr: not there. Not for paths that lead through a symlink.
  const Node* node(const std::string& path) const;
  // Names of a directory, or of the nearest one above it that is there.
  std::vector<std::string> names_near(const std::string& path) const;

 private:
  bool add(const std::string& name, std::unique_ptr<Node> node);
  Node root_;
  std::map<std::string, std::string> texts_;
};

// The entry's path below its root, cleaned; throws Error(invalid_argument) for what points outside.
std::string safe_name(const std::string& name);

}  // namespace slipway::build
