// Pieces of the translation of POST /containers/create (create_spec.cc).
#pragma once
#include "docker/create_spec.h"

namespace slipway::docker {

// Throws Error(unimplemented) for options of HostConfig that were given and that the engine lacks.
void refuse_unsupported(const Json& host);
void read_mounts(const Json& body, const Json& host, CreateRequest& out);

}  // namespace slipway::docker
