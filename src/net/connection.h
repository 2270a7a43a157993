// One server connection: the requests on it one after the other, each an Exchange, until it ends or
// is handed over (hijack). Knows nothing about accepting.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "net/http.h"
#include "net/message.h"
#include "net/socket.h"

namespace slipway::net {

// Trips a Stop when the peer of a socket goes away.
class HangupWatch {
 public:
  virtual ~HangupWatch() = default;
  // half_close: a peer that has only shut its sending side counts as gone.
  virtual uint64_t watch(int fd, bool half_close, const Stop& on_hangup) = 0;
  virtual void unwatch(uint64_t id, int fd) = 0;
};

struct Endpoints {
  std::string peer, local;
};

struct ConnectionContext {
  const Handler& handler;
  const ServerOptions& options;
  HangupWatch& hangups;
};

// Serves until the connection ends; throws nothing.
void serve_connection(Fd fd, const Endpoints& endpoints, const ConnectionContext& context,
                      const Stop& stop);

// The bytes of a message head, CRLF included. Control characters in values become spaces.
std::string format_head(std::string_view first_line, const Headers& headers);

// A hijacked connection or an upgraded client connection: what was read ahead comes first.
std::unique_ptr<Stream> make_stream(std::shared_ptr<Transport> transport, InputBuffer read_ahead,
                                    const Stop& owner);

}  // namespace slipway::net
