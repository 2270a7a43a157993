#include "daemon/admin.h"

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "daemon/status.h"

namespace slipway::daemon {

void Admin::handle(net::Exchange& exchange) {
  const auto answer = [&](int status, const Json& body) {
    exchange.respond(status, {{"Content-Type", "application/json"}}, body.dump());
  };
  const std::string route = exchange.request().method + " " + exchange.request().path;
  try {
    if (route == "GET /status") {
      answer(200, status_of(parts_));
    } else if (route == "GET /credentials") {
      answer(200, {{"access_key_id", parts_.root_key.access_key_id},
                   {"secret_access_key", parts_.root_key.secret_access_key}});
    } else if (route == "POST /down") {
      take_down_();
      answer(200, Json::object());
      end_();
    } else {
      answer(404, {{"message", "no such command"}});
    }
  } catch (const std::exception& e) {
    log::error("admin", "{}: {}", route, e.what());
    if (!exchange.begun()) answer(500, {{"message", e.what()}});
  }
}

}  // namespace slipway::daemon
