// The 8-byte frames that carry stdout and stderr on one connection, and the streams of attach and
// exec: a connection that becomes raw only when the other side is ready.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "docker/call.h"

namespace slipway::docker {

// stream: 0 stdin, 1 stdout, 2 stderr; at most 4 GiB - 1 of payload.
std::string frame(int stream, std::string_view payload);

// "ctrl-p,ctrl-q" (also the default) to the bytes typed; "a,ctrl-[" and the like. Throws
// Error(invalid_argument).
std::string parse_detach_keys(std::string_view text);

// Handed on as a container's input before the connection is taken over: reads wait until open(),
// output is kept until then.
class LateStream : public net::Stream {
 public:
  explicit LateStream(bool tty) : tty_(tty) {}
  // Takes the connection over: 101 when the client asked for an upgrade, otherwise 200.
  void open(const Call& call);
  bool is_open() const;
  // Output towards the client, framed unless tty. A client that has gone is ignored: the container
  // goes on.
  void send(int stream, std::string_view bytes);
  // Tells the client that all is said, then waits for it to close: closing with its input unread
  // would make it see a broken connection.
  void end(const Stop& stop);

  size_t read(std::span<char> into, const Stop& stop) override;
  void write(std::string_view bytes) override;
  void shutdown_write() override;
  void close() override;

 private:
  const bool tty_;
  mutable std::mutex mutex_;
  std::condition_variable opened_;
  std::unique_ptr<net::Stream> stream_;  // never changes once set
  std::string early_;                    // output before open()
  std::atomic<bool> gone_ = false;
};

}  // namespace slipway::docker
