// Fd owns a file descriptor. Move-only; closes on destruction.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace slipway {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  explicit operator bool() const noexcept { return valid(); }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Opens with O_CLOEXEC added. Throws SystemError naming the path.
Fd open_file(const std::string& path, int flags, unsigned mode = 0644);
// dup with CLOEXEC.
Fd duplicate(int fd);
struct Pipe {
  Fd read;
  Fd write;
};
// Both ends CLOEXEC.
Pipe make_pipe();
// Writes everything (restarts on EINTR, partial writes). Throws SystemError.
void write_all(int fd, std::string_view data);
// Reads up to the size; 0 at end of file. Restarts on EINTR.
size_t read_some(int fd, std::span<char> into);

}  // namespace slipway
