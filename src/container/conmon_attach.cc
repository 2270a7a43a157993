// The attach socket: SOCK_SEQPACKET; what comes out of it begins with a byte that tells the stream
// (2 stdout, 3 stderr), what goes in is the process's stdin, and shutting down the write side
// closes that.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "container/conmon.h"

namespace slipway::container {
namespace {

constexpr size_t kPacket = 32 * 1024 + 1;
constexpr size_t kInputChunk = 8 * 1024;

bool gone(int error) {
  return error == ECONNRESET || error == EPIPE || error == ENOTCONN;
}

// False when the other side has gone.
bool send_packet(int fd, std::string_view bytes, const Stop& stop) {
  for (;;) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return true;
    if (errno == EINTR) continue;
    if (gone(errno)) return false;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      throw SystemError(errno, "write to the container's stdin");
    if (wait_writable(fd, stop) != Ready::yes) return false;
  }
}

// True when the detach keys were typed: stdin stays open then.
bool pump_input(int fd, const Streams& streams, const Stop& stop) {
  std::vector<char> buffer(kInputChunk);
  DetachKeys keys(streams.detach_keys);
  try {
    for (;;) {
      const size_t got = streams.input->read(buffer, stop);
      if (got == 0) break;
      const std::string typed = keys.pass({buffer.data(), got});
      if (!typed.empty() && !send_packet(fd, typed, stop)) return false;
      if (keys.complete()) return true;
    }
    ::shutdown(fd, SHUT_WR);
  } catch (const std::exception&) {
    // The client is gone, or we were told to end: as if it had closed its input.
    ::shutdown(fd, SHUT_WR);
  }
  return false;
}

void pump_output(int fd, const Streams& streams, const Stop& stop) {
  std::vector<char> buffer(kPacket);
  for (;;) {
    if (wait_readable(fd, stop) != Ready::yes) return;
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return;
    if (got == 1 || !streams.output) continue;
    const int stream = buffer[0] == 3 ? 2 : 1;
    streams.output(stream, {buffer.data() + 1, static_cast<size_t>(got) - 1});
  }
}

}  // namespace

Fd connect_attach(const std::string& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Through the directory's descriptor, so that the path's length does not matter.
  const Fd folder = open_file(directory, O_PATH | O_DIRECTORY);
  const std::string path = fmt::format("/proc/self/fd/{}/attach", folder.get());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  Fd socket(check(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "make a socket"));
  check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        "connect to {}/attach", directory);
  return socket;
}

std::string DetachKeys::pass(std::string_view typed) {
  if (keys_.empty()) return std::string(typed);
  std::string out;
  for (const char c : typed) {
    if (complete()) break;
    if (c == keys_[matched_]) {
      ++matched_;
      continue;
    }
    // It was something else after all: what was held back goes first.
    out += keys_.substr(0, matched_);
    matched_ = c == keys_[0] ? 1 : 0;
    if (matched_ == 0) out += c;
  }
  return out;
}

bool pump_attach(const Fd& socket, const Streams& streams, bool stdin_open, const Stop& stop) {
  const Stop input_stop = stop.child(), output_stop = stop.child();
  std::atomic<bool> detached = false;
  std::jthread input;
  if (streams.input != nullptr && stdin_open) {
    input = std::jthread([&] {
      if (!pump_input(socket.get(), streams, input_stop)) return;
      detached = true;
      output_stop.request();
    });
  }
  const Finally end([&] { input_stop.request(); });
  pump_output(socket.get(), streams, output_stop);
  return detached;
}

}  // namespace slipway::container
