// The body of POST /containers/create, translated into the engine's Spec. Pure.
#pragma once
#include "codec/json.h"
#include "container/engine.h"

namespace slipway::docker {

struct CreateRequest {
  container::Spec spec;
  // Sources of Binds (not of Mounts): made when they do not exist, as Docker does.
  std::vector<std::string> bind_sources;
  std::vector<std::string> warnings;
};

// Throws Error(invalid_argument) on malformed fields and Error(unimplemented) for options that were
// given and that the engine does not have: nothing is ignored silently.
CreateRequest translate_create(const Json& body);
// "[ip:][host-port:]": one entry of PortBindings. Public for tests.
container::PortBinding parse_port_key(const std::string& key);  // "80/tcp"
container::Mount parse_bind(const std::string& text);           // "src:dst[:options]"
std::optional<image::HealthCheck> parse_health_check(const Json& value);

}  // namespace slipway::docker
