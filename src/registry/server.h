// The registry's HTTP side: OCI distribution v2 under /v2/, with ECR's authentication, names and
// error texts. Foreign clients (skopeo, another engine, a browser's curl) come here; our own engine
// does not (see client.h).
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "image/image.h"
#include "net/http.h"
#include "registry/repositories.h"
#include "registry/tokens.h"
#include "registry/uploads.h"
#include "store/store.h"

namespace slipway::registry {

struct ServerDeps {
  store::Store& store;
  image::ContentStore& content;
  Uploads& uploads;
  const Tokens& tokens;
  const Clock& clock;
  // The registry meant when the Host header is not a local domain (localhost:4566).
  Scope default_scope;
  Authorize authorize = {};
};

class Server {
 public:
  explicit Server(ServerDeps deps) : deps_(std::move(deps)) {}
  // Any path that is "/v2" or begins with "/v2/".
  void handle(net::Exchange& http);

 private:
  ServerDeps deps_;
};

}  // namespace slipway::registry
