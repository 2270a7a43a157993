#include "docker/api.h"

#include "base/error.h"
#include "base/log.h"
#include "docker/call.h"
#include "docker/handlers.h"
#include "docker/routes.h"

namespace slipway::docker {
namespace {

void dispatch(Call& call) {
  const auto& request = call.exchange.request();
  auto [minor, path] = split_version(percent_decode(request.path));
  call.minor = minor;
  call.query = parse_query(request.query);
  auto match = find_route(request.method, path);
  if (!match) throw not_found("page not found");
  call.vars = std::move(match->vars);
  match->route->handler(call);
}

// A body that nobody reads would be taken for the next request; the connection is closed instead.
void answer_error(Call& call, int status, std::string_view message) {
  if (status == 304) return call.empty(304);
  call.json(status, error_body(message));
}

}  // namespace

void not_implemented(Call& call) {
  const auto& request = call.exchange.request();
  throw unimplemented("{} {} is not implemented by Slipway", request.method, request.path);
}

void Api::handle(net::Exchange& exchange) const {
  Call call{exchange, deps_, kMaxMinor, {}, {}};
  const auto& request = exchange.request();
  try {
    dispatch(call);
  } catch (const Error& e) {
    // Once an answer has begun only cutting it off can tell the client.
    if (exchange.begun() || e.kind() == Kind::cancelled) throw;
    const int status = status_of(e);
    log::write(status == 500 ? log::Level::error : log::Level::debug, "docker",
               fmt::format("{} {}: {}", request.method, request.path, e.what()));
    answer_error(call, status, e.what());
  } catch (const nlohmann::json::exception& e) {
    if (exchange.begun()) throw;
    log::error("docker", "{} {}: {}", request.method, request.path, e.what());
    answer_error(call, 500, "internal error");
  }
}

}  // namespace slipway::docker
