// The Docker Engine API: what the `docker` CLI, docker-py and other clients speak to over a unix
// socket. One hand-written route table (routes.cc), one file per resource. What is not implemented
// answers 501, what does not exist 404; nothing pretends.
#pragma once
#include <memory>
#include <string>

#include "base/clock.h"
#include "net/http.h"

namespace slipway::build {
class Builder;
}
namespace slipway::container {
class Engine;
}
namespace slipway::image {
class Images;
}
namespace slipway::registry {
class Client;
}
namespace slipway::store {
class Store;
}

namespace slipway::docker {

// The versions of the API that can be asked for.
inline constexpr int kMaxMinor = 50;  // 1.50
inline constexpr int kMinMinor = 24;

struct Deps {
  container::Engine& engine;
  image::Images& images;
  registry::Client& registry;
  build::Builder* builder = nullptr;  // without: POST /build answers 501
  store::Store& store;
  Clock& clock;
  std::string version;   // of Slipway
  std::string data_dir;  // shown by `docker info`
  std::string node_id;   // a stable random id of this installation
};

class Api {
 public:
  explicit Api(Deps deps) : deps_(std::move(deps)) {}
  // A net::Handler. Thread-safe.
  void handle(net::Exchange& exchange) const;

 private:
  Deps deps_;
};

}  // namespace slipway::docker
