// The one TCP port: AWS APIs, the registry, and a word for whoever comes with a browser.
#pragma once
#include "daemon/parts.h"
#include "net/http.h"

namespace slipway::daemon {

void serve_front(Parts& parts, net::Exchange& exchange);

}  // namespace slipway::daemon
