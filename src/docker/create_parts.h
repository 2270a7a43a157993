// Pieces of the translation of POST /containers/create (create_spec.cc).
#pragma once
#include "docker/create_spec.h"

namespace slipway::docker {

// Throws Error(unimplemented) for options of HostConfig that were given and that the engine lacks.
void refuse_unsupported(const Json& host);
// Namespaces, devices, security, finer limits, logs.
void read_host_options(const Json& host, container::Spec& spec);
// "" when nothing was said.
void read_restart_policy(const Json& policy, std::string& name, int& max);
// create_network.cc
void read_ports(const Json& host, container::Spec& spec);
void read_network(const Json& body, const Json& host, container::Spec& spec);
container::EndpointSpec read_endpoint(const std::string& network, const Json& value);
void read_mounts(const Json& body, const Json& host, CreateRequest& out);

}  // namespace slipway::docker
