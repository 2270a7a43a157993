// The files of a plain copy: each written from the archive, or linked to the same file of an
// earlier layer. Links cost no inode and no data; nobody writes to a layer's files, so nobody can
// tell.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "build/context.h"
#include "build/tar_index.h"
#include "codec/tar.h"
#include "linux/rooted.h"

namespace slipway::build {

void set_plain_times(int folder, const std::string& path, const TarIndex::Node& node);

class PlainFiles {
 public:
  // upper: where to make them, below directories that are there. earlier: the other layer's
  // directory, or "".
  PlainFiles(int upper, const std::string& earlier);
  void make(const std::string& target, const TarIndex::Node& node, uint32_t mode,
            const Owner& owner, TarReader& data);

 private:
  // The earlier layer's file of that name, when all but its contents is the same.
  Fd candidate(const std::string& target, const TarIndex::Node& node, uint32_t mode,
               const Owner& owner);
  bool equals(int fd, uint64_t offset, size_t bytes);
  void copy_start(int from, int to, uint64_t bytes);

  int upper_;
  std::unique_ptr<linux::Root> earlier_;
  std::string folder_ = "/";  // of earlier, that is open
  Fd folder_fd_;
  std::vector<char> buffer_, other_;
};

}  // namespace slipway::build
