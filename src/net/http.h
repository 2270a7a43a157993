// HTTP/1.1 as the rest of Slipway sees it. Beast and Asio stay inside net/*.cc.
//
// A Server runs one thread per connection; a handler gets an Exchange, reads the body if it wants
// to, and answers once: respond(), or begin()+write()+finish(), or hijack(). An exception that
// leaves the handler becomes a plain 500 (or closes the connection if the answer had begun).
// Bodies are never buffered unless read_all is called. Every wait honours Exchange::stop().
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"

namespace slipway::net {

// Ordered, names compared without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}
  void add(std::string name, std::string value) {
    list_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string_view name, std::string value);
  // First value, or empty.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& list() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

struct Request {
  std::string method;  // upper case as sent
  std::string target;  // as sent: path?query
  std::string path;    // before '?', still percent-encoded
  std::string query;   // after '?', still encoded
  Headers headers;
  std::string peer;   // "127.0.0.1:4711", "unix:pid=12,uid=0"
  std::string local;  // the address that was connected to, "127.0.0.1:4566" or "unix"
};

// A raw duplex byte stream after an upgrade. read and write may be used by two threads at once.
class Stream {
 public:
  virtual ~Stream() = default;
  // Bytes read, 0 at the peer's (half-)close. Throws Error(cancelled) when stop is requested,
  // Error(unavailable) when the connection broke.
  virtual size_t read(std::span<char> into, const Stop& stop) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void shutdown_write() = 0;
  virtual void close() = 0;  // wakes a blocked read; thread-safe
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;

  // Body: up to into.size() bytes, 0 at the end. Throws Error(unavailable) on a broken body.
  // "Expect: 100-continue" is answered at the first read.
  virtual size_t read(std::span<char> into) = 0;
  // The whole body; throws Error(too_large) past limit bytes.
  std::string read_all(size_t limit);

  virtual void respond(int status, const Headers& headers, std::string_view body) = 0;
  // Sends the head at once. With length: exactly that many bytes follow; without: chunked.
  virtual void begin(int status, const Headers& headers, std::optional<uint64_t> length = {}) = 0;
  // Each write is flushed. Throws Error(unavailable) when the peer has gone.
  virtual void write(std::string_view bytes) = 0;
  virtual void send_file(int fd, uint64_t offset, uint64_t length) = 0;  // sendfile where it can
  virtual void finish() = 0;
  virtual bool begun() const = 0;
  // Sends the head (101, or 200 for old Docker clients) and hands the connection over, with what
  // was already read ahead.
  virtual std::unique_ptr<Stream> hijack(int status, const Headers& headers) = 0;

  // Ends with the server, or when the peer hangs up while the answer is being made.
  virtual const Stop& stop() const = 0;
};

using Handler = std::function<void(Exchange&)>;

struct ServerOptions {
  size_t max_head_bytes = 64 * 1024;
  size_t max_connections = 1024;       // above: 503 and close
  milliseconds idle_timeout{120'000};  // keep-alive connection without a request
  milliseconds head_timeout{20'000};   // from first byte to the end of the head
  milliseconds body_timeout{600'000};  // between two pieces of a request's body
};

class Server {
 public:
  explicit Server(Handler handler, ServerOptions options = {});
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Binds and accepts at once; returns the port (for port 0). Throws SystemError naming the
  // address.
  uint16_t listen_tcp(const std::string& address, uint16_t port);
  // Replaces a stale socket file; throws Error(conflict) when somebody answers on it.
  void listen_unix(const std::string& path, unsigned mode);
  // A socket that is bound and listening already (e.g. opened in another network namespace).
  void listen_fd(Fd listener, std::string label);
  // Closes what listen_fd opened under that label; its connections go on.
  void close_listener(const std::string& label);
  // Ends all connections and joins every thread. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// --- client ---

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // http://host[:port]/path?query, https://..., or unix:/path/to.sock:/path?query
  Headers headers;
  std::string body;
  // Instead of body: called until it returns 0; sent chunked, or with body_length when given.
  std::function<size_t(std::span<char>)> body_source;
  std::optional<uint64_t> body_length;
  milliseconds connect_timeout{5'000};
  milliseconds idle_timeout{60'000};  // between two bytes
  std::string ca_file;                // PEM; empty: the system's
  bool verify_tls = true;
};

class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  virtual size_t read(std::span<char> into) = 0;  // 0 at the end
  std::string read_all(size_t limit = 64u << 20);
  // After a 101: the connection itself.
  virtual std::unique_ptr<Stream> upgrade() = 0;
};

// Throws Error(unavailable) "connect to ...: ..." / Error(timeout) / Error(cancelled). Redirects
// are not followed.
std::unique_ptr<ClientResponse> request(const ClientRequest& request, const Stop& stop = {});

struct Url {
  std::string scheme, host, port, path_and_query;  // port filled in from the scheme
};
Url parse_url(std::string_view url);  // throws Error(invalid_argument)

}  // namespace slipway::net
