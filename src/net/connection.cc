#include "net/connection.h"

#include "base/error.h"
#include "base/log.h"
#include "net/server_exchange.h"

namespace slipway::net {
namespace {

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
    const Waiting waiting{stop_, deadline_in(milliseconds(2000))};
    for (size_t total = 0; total < kMaxLinger;) {
      const size_t n = socket_.transport->read(socket_.block, waiting);
      if (n == 0) break;
      total += n;
    }
    socket_.transport->close();
  }

  ServerSocket socket_;
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
