// Model -> HAProxy configuration. Pure: no files, no clock. Hostile values never reach the text as
// they are: patterns become regular expressions of [A-Za-z0-9] and \xHH, locations are
// percent-encoded, bodies become files named by their digest.
#pragma once
#include <map>
#include <string>

#include "haproxy/model.h"

namespace slipway::haproxy {

struct RenderOptions {
  std::string files_directory;  // where the caller will put Rendered::files
  int threads = 2;
  int max_connections = 10'000;
  std::string user, group;  // what workers become; empty: stay
};
struct Rendered {
  std::string config;
  std::map<std::string, std::string> files;  // name -> bytes
  // Digest of all that a running process cannot take over by the runtime socket: everything but
  // the slots' contents. It is also the process' "description", to ask which one it runs.
  std::string structure;
};

// Throws Error(invalid_argument) for what cannot be expressed (a name, an address, a port).
Rendered render(const Model& model, const RenderOptions& options);

std::string backend_name(const std::string& target_group_id);
std::string server_name(size_t slot);  // "s1", ...

}  // namespace slipway::haproxy
