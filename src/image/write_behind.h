// Lets the disk begin with a large file while the file still grows, so that the fsync at its end
// finds little left to do. A hint only: whether the bytes are safe is fsync's to say.
#pragma once
#include <cstdint>
#include <fcntl.h>

namespace slipway::image {

class WriteBehind {
 public:
  // fd: being written from offset on; it must outlive this.
  explicit WriteBehind(int fd, uint64_t offset = 0) : fd_(fd), begin_(offset), end_(offset) {}

  void wrote(uint64_t bytes) {
    end_ += bytes;
    if (end_ - begin_ < step) return;
    (void)::sync_file_range(fd_, static_cast<off64_t>(begin_), static_cast<off64_t>(end_ - begin_),
                            SYNC_FILE_RANGE_WRITE);
    begin_ = end_;
  }

 private:
  static constexpr uint64_t step = 8u << 20;
  int fd_;
  uint64_t begin_, end_;
};

}  // namespace slipway::image
