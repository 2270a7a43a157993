#include "daemon/front.h"

namespace slipway::daemon {

void serve_front(Parts& parts, net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  if (request.path == "/v2" || request.path.starts_with("/v2/")) {
    parts.registry.handle(exchange);
  } else if (aws::Dispatcher::recognises(request) || request.method == "POST") {
    parts.dispatcher.handle(exchange);
  } else if (request.path == "/" && request.method == "GET") {
    exchange.respond(
        200, {{"Content-Type", "text/plain"}},
        "This is Slipway: AWS APIs and an image registry.\nSee: slipway status, slipway env\n");
  } else {
    exchange.respond(404, {{"Content-Type", "text/plain"}}, "no such page\n");
  }
}

}  // namespace slipway::daemon
