#include "base/fd.h"

#include <cerrno>
#include <fcntl.h>

#include "base/error.h"

namespace slipway {

Fd open_file(const std::string& path, int flags, unsigned mode) {
  return Fd(check(::open(path.c_str(), flags | O_CLOEXEC, mode), "open {}", path));
}

Fd duplicate(int fd) {
  return Fd(check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "dup {}", fd));
}

Pipe make_pipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    check(n, "write");
    data.remove_prefix(static_cast<size_t>(n));
  }
}

size_t read_some(int fd, std::span<char> into) {
  for (;;) {
    const ssize_t n = ::read(fd, into.data(), into.size());
    if (n < 0 && errno == EINTR) continue;
    return static_cast<size_t>(check(n, "read"));
  }
}

}  // namespace slipway
