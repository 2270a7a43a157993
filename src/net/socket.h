// Sockets that can be waited on beside a Stop: plain TCP and unix, and TLS as a client. A Transport
// is a connected byte stream; reading and writing may be done by two threads at once, and close()
// by any.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"

namespace slipway::net {

// What ends a wait: either stop, or the deadline.
struct Waiting {
  const Stop& stop;
  SteadyTime deadline = SteadyTime::max();
  const Stop* other = nullptr;
};

SteadyTime deadline_in(milliseconds time);
// Throws Error(cancelled) or Error(timeout).
void wait_for_io(int fd, short events, const Waiting& waiting);

class Transport {
 public:
  virtual ~Transport() = default;
  // Bytes read; 0 at the peer's (half-)close. Throws Error(cancelled), Error(timeout), or
  // Error(unavailable) when the connection broke.
  virtual size_t read(std::span<char> into, const Waiting& waiting) = 0;
  virtual void write(std::string_view bytes, const Waiting& waiting) = 0;
  virtual void send_file(int file, uint64_t offset, uint64_t length, const Waiting& waiting) = 0;
  virtual void shutdown_write() = 0;
  virtual void close() = 0;  // both directions; wakes whoever waits
  virtual int fd() const = 0;
};

// fd must be a connected stream socket; it becomes non-blocking.
std::unique_ptr<Transport> plain_transport(Fd fd);

struct TlsOptions {
  std::string host;     // for SNI and verification
  std::string ca_file;  // PEM; empty: the system's
  bool verify = true;
};
// Does the handshake.
std::unique_ptr<Transport> tls_transport(Fd fd, const TlsOptions& options, const Waiting& waiting);

Fd connect_tcp(const std::string& host, const std::string& port, const Waiting& waiting);
Fd connect_unix(const std::string& path, const Waiting& waiting);

// sendfile(2) and OpenSSL write without MSG_NOSIGNAL: while one of these lives, a SIGPIPE for this
// thread is swallowed.
class NoSigpipe {
 public:
  NoSigpipe();
  ~NoSigpipe();
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  bool was_pending_ = false, was_blocked_ = false;
};

}  // namespace slipway::net
