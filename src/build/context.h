// A build context on disk: the tar that the client sent, unpacked below one folder from which no
// entry can escape, minus what .dockerignore leaves out.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "build/parser/ignore.h"
#include "codec/compress.h"
#include "linux/rooted.h"

namespace slipway::build {

struct Owner {
  uint32_t uid = 0, gid = 0;
};

class Context {
 public:
  // Unpacks into a new folder below parent. Throws Error(invalid_argument) naming the entry for
  // "..", device nodes and the like; the folder is then removed.
  Context(const std::string& parent, const ByteSource& tar);
  ~Context();  // removes the folder
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const linux::Root& root() const { return *root_; }
  const std::string& path() const { return path_; }
  // What .dockerignore (or <dockerfile>.dockerignore) excludes.
  void load_ignore(const std::string& dockerfile);
  const Ignore& ignore() const { return ignore_; }

 private:
  void unpack(const ByteSource& tar);
  std::string path_;
  std::unique_ptr<linux::Root> root_;
  Ignore ignore_;
};

// Unpacks any tar (plain, gzip, zstd) below dir of root; all of it owned by owner, or as in the
// archive. Entries that would leave the root are refused with an Error(invalid_argument).
void unpack_tar(const linux::Root& root, const std::string& dir, const ByteSource& source,
                const std::optional<Owner>& owner = {});

}  // namespace slipway::build
