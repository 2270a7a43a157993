#include "net/connection.h"

#include <charconv>
#include <ctime>
#include <poll.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::net {
namespace {

constexpr size_t kReadBlock = 64 * 1024;
// What is read and thrown away of a body that the handler did not want, to save the connection.
constexpr size_t kMaxDrain = 256 * 1024;

std::string http_date() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", parts);
}

bool bodiless(int status) {
  return status / 100 == 1 || status == 204 || status == 304;
}

struct Socket {
  std::shared_ptr<Transport> transport;
  InputBuffer in;
  std::vector<char> block = std::vector<char>(kReadBlock);

  // False at end of stream.
  bool fill(const Waiting& waiting) {
    const size_t n = transport->read(block, waiting);
    in.append({block.data(), n});
    return n > 0;
  }
};

// The request as the handler sees it. Throws MessageError.
Request make_request(const MessageHead& head, const Endpoints& endpoints) {
  Request out;
  out.method = head.method;
  out.target = head.target;
  out.headers = head.headers;
  out.peer = endpoints.peer;
  out.local = endpoints.local;
  std::string_view target = head.target;
  if (target.starts_with("http://") || target.starts_with("https://")) {  // absolute form
    const auto path = target.find('/', target.find("://") + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (!target.starts_with('/') && target != "*") {
    throw MessageError(400, "malformed request target");
  }
  std::tie(out.path, out.query) = split_once(target, '?');
  const auto hosts = head.headers.all("Host").size();
  if (hosts > 1 || (hosts == 0 && head.version >= 11)) {
    throw MessageError(400, "a request needs exactly one Host header");
  }
  return out;
}

class ServerExchange : public Exchange {
 public:
  ServerExchange(Socket& socket, MessageReader& message, const Endpoints& endpoints,
                 const ConnectionContext& context, const Stop& connection_stop)
      : socket_(socket),
        message_(message),
        request_(make_request(message.head(), endpoints)),
        context_(context),
        connection_stop_(connection_stop),
        stop_(connection_stop.child()),
        keep_alive_(message.head().keep_alive) {
    if (message_.done()) watch(!upgrading());
  }
  ~ServerExchange() override { unwatch(); }

  const Request& request() const override { return request_; }
  const Stop& stop() const override { return stop_; }
  bool begun() const override { return begun_; }

  size_t read(std::span<char> into) override {
    if (into.empty()) return 0;
    send_continue();
    for (;;) {
      const size_t n = message_.parse_body(socket_.in, into);
      if (message_.done()) watch(!upgrading());
      if (n > 0 || message_.done()) return n;
      const Waiting waiting{connection_stop_, deadline_in(context_.options.body_timeout)};
      if (!socket_.fill(waiting)) throw unavailable("the request body ended too early");
    }
  }

  void respond(int status, const Headers& headers, std::string_view body) override {
    require_not_begun();
    auto all = headers;
    if (!bodiless(status) && !all.has("Content-Length")) {
      all.add("Content-Length", std::to_string(body.size()));
    }
    std::string out = head_text(status, std::move(all));
    begun_ = finished_ = true;
    const bool with_body = !bodiless(status) && request_.method != "HEAD";
    if (with_body && body.size() <= kReadBlock) {
      send(out.append(body));
    } else {
      send(out);
      if (with_body) send(body);
    }
  }

  void begin(int status, const Headers& headers, std::optional<uint64_t> length) override {
    require_not_begun();
    auto all = headers;
    no_body_ = bodiless(status) || request_.method == "HEAD";
    if (length) {
      all.set("Content-Length", std::to_string(*length));
      left_ = *length;
    } else if (message_.head().version >= 11) {
      if (!bodiless(status)) all.set("Transfer-Encoding", "chunked");
      chunked_ = true;
    } else {
      keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the body
    }
    const auto out = head_text(status, std::move(all));
    begun_ = true;
    send(out);
  }

  void write(std::string_view bytes) override {
    require_open();
    if (no_body_ || bytes.empty()) return;
    if (chunked_) {
      send(chunk_head(bytes.size()).append(bytes).append("\r\n"));
    } else {
      take_from_length(bytes.size());
      send(bytes);
    }
  }

  void send_file(int fd, uint64_t offset, uint64_t length) override {
    require_open();
    if (no_body_ || length == 0) return;
    if (chunked_) send(chunk_head(length));
    if (!chunked_) take_from_length(length);
    socket_.transport->send_file(fd, offset, length, {connection_stop_});
    if (chunked_) send("\r\n");
  }

  void finish() override {
    require_open();
    finished_ = true;
    if (no_body_) return;
    if (chunked_) send("0\r\n\r\n");
    if (left_.value_or(0) > 0) {
      keep_alive_ = false;
      throw internal("the answer ended {} bytes too early", *left_);
    }
  }

  std::unique_ptr<Stream> hijack(int status, const Headers& headers) override {
    require_not_begun();
    drain();
    // From the first byte of our answer on, a peer that stops sending is only at the end of its
    // input.
    unwatch();
    watch(false);
    const auto line = fmt::format("HTTP/1.1 {} {}", status, reason_phrase(status));
    send(format_head(line, headers));
    begun_ = finished_ = true;
    hijacked_ = true;
    return make_stream(socket_.transport, std::move(socket_.in), connection_stop_);
  }

  // After the handler: true when the connection can serve another request.
  bool settle() {
    unwatch();
    if (hijacked_) return false;
    if (!begun_ && stop_.requested()) return false;
    if (!begun_) respond(500, {}, "the request was not answered\n");
    if (!finished_ || !keep_alive_) return false;
    if (message_.done()) return true;
    if (message_.head().expect_continue && !continued_) return false;
    return drain();
  }

  bool hijacked() const { return hijacked_; }

  // An exception left the handler.
  void fail(const std::exception& e) {
    if (stop_.requested()) return;  // nobody is there to be told
    const auto* ours = dynamic_cast<const Error*>(&e);
    const bool ended =
        ours != nullptr && (ours->kind() == Kind::unavailable || ours->kind() == Kind::cancelled);
    log::write(ended ? log::Level::debug : log::Level::error, "http",
               fmt::format("{} {}: {}", request_.method, request_.path, e.what()));
    if (!begun_) respond(500, {}, "internal error\n");
  }

 private:
  void require_not_begun() const {
    if (begun_) throw internal("the answer has begun already");
  }
  void require_open() const {
    if (!begun_ || finished_) throw internal("the answer has not begun, or has ended");
  }

  std::string head_text(int status, Headers headers) {
    if (!headers.has("Date")) headers.add("Date", http_date());
    if (iequals(headers.get("Connection"), "close")) keep_alive_ = false;
    if (!keep_alive_ && !headers.has("Connection")) headers.add("Connection", "close");
    if (keep_alive_ && message_.head().version < 11) headers.set("Connection", "keep-alive");
    return format_head(fmt::format("HTTP/1.1 {} {}", status, reason_phrase(status)), headers);
  }

  static std::string chunk_head(uint64_t size) { return fmt::format("{:x}\r\n", size); }

  void take_from_length(uint64_t size) {
    if (!left_) return;
    if (size > *left_) throw internal("the answer is longer than announced");
    *left_ -= size;
  }

  void send(std::string_view bytes) { socket_.transport->write(bytes, {connection_stop_}); }

  void send_continue() {
    if (continued_ || !message_.head().expect_continue || message_.done() || begun_) return;
    continued_ = true;
    if (socket_.in.size() == 0) send("HTTP/1.1 100 Continue\r\n\r\n");
  }

  // False when the rest of the body is too long to be worth reading.
  bool drain() {
    std::vector<char> block(16 * 1024);
    size_t total = 0;
    while (const size_t n = read(block)) {
      total += n;
      if (total > kMaxDrain) return false;
    }
    return true;
  }

  // Who asks for an upgrade may send and shut its side without waiting for the answer.
  bool upgrading() const { return request_.headers.has("Upgrade"); }

  void watch(bool half_close) {
    if (!watch_) watch_ = context_.hangups.watch(socket_.transport->fd(), half_close, stop_);
  }
  void unwatch() {
    if (watch_) context_.hangups.unwatch(*watch_, socket_.transport->fd());
    watch_.reset();
  }

  Socket& socket_;
  MessageReader& message_;
  Request request_;
  const ConnectionContext& context_;
  const Stop& connection_stop_;  // ends with the server
  Stop stop_;                    // and when the peer goes
  std::optional<uint64_t> watch_, left_;
  bool keep_alive_, begun_ = false, finished_ = false, chunked_ = false, no_body_ = false,
                    hijacked_ = false, continued_ = false;
};

class Connection {
 public:
  Connection(Fd fd, const Endpoints& endpoints, const ConnectionContext& context, const Stop& stop)
      : endpoints_(endpoints), context_(context), stop_(stop) {
    socket_.transport = plain_transport(std::move(fd));
  }

  void serve() {
    try {
      while (serve_one()) {
      }
    } catch (const MessageError& e) {
      refuse(e);
    }
    // A hijacked stream may live on (and then closes itself).
    if (!hijacked_) linger();
  }

 private:
  bool serve_one() {
    auto message = read_request(context_.options.max_head_bytes);
    if (!read_head(*message)) return false;
    ServerExchange exchange(socket_, *message, endpoints_, context_, stop_);
    try {
      context_.handler(exchange);
    } catch (const MessageError&) {
      if (!exchange.begun()) throw;
      return false;
    } catch (const std::exception& e) {
      exchange.fail(e);
    }
    hijacked_ = exchange.hijacked();
    return exchange.settle();
  }

  // False when the peer closed (or idled) between requests.
  bool read_head(MessageReader& message) {
    auto deadline = deadline_in(context_.options.idle_timeout);
    if (socket_.in.size() > 0) deadline = deadline_in(context_.options.head_timeout);
    bool started = socket_.in.size() > 0;
    while (!message.parse_head(socket_.in)) {
      try {
        if (!socket_.fill({stop_, deadline})) {
          if (started && socket_.in.size() > 0) throw MessageError(400, "truncated request head");
          return false;
        }
      } catch (const Error& e) {
        if (e.kind() != Kind::timeout || !started) return false;
        throw MessageError(408, "the request head took too long");
      }
      if (!started) deadline = deadline_in(context_.options.head_timeout);
      started = true;
    }
    return true;
  }

  void refuse(const MessageError& e) {
    const std::string body = std::string(e.what()) + "\n";
    const auto line = fmt::format("HTTP/1.1 {} {}", e.status(), reason_phrase(e.status()));
    const Headers headers = {{"Content-Type", "text/plain"},
                             {"Content-Length", std::to_string(body.size())},
                             {"Connection", "close"}};
    socket_.transport->write(format_head(line, headers) + body,
                             {stop_, deadline_in(milliseconds(1000))});
  }

  // Closing with unread input would reset the connection and take our last answer with it.
  void linger() {
    socket_.transport->shutdown_write();
    const Waiting waiting{stop_, deadline_in(milliseconds(500))};
    for (size_t total = 0; total < kMaxDrain;) {
      const size_t n = socket_.transport->read(socket_.block, waiting);
      if (n == 0) break;
      total += n;
    }
    socket_.transport->close();
  }

  Socket socket_;
  const Endpoints& endpoints_;
  const ConnectionContext& context_;
  const Stop& stop_;
  bool hijacked_ = false;
};

}  // namespace

void serve_connection(Fd fd, const Endpoints& endpoints, const ConnectionContext& context,
                      const Stop& stop) {
  try {
    Connection(std::move(fd), endpoints, context, stop).serve();
  } catch (const std::exception& e) {
    log::debug("http", "connection of {} ended: {}", endpoints.peer, e.what());
  }
}

}  // namespace slipway::net
