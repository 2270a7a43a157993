// Registry refusals on the wire: HTTP status and code, and the words that docker makes of them.
#pragma once
#include <string>
#include <string_view>

#include "registry/repositories.h"

namespace slipway::registry {

struct Wire {
  int status;
  const char* code;  // "NAME_UNKNOWN"
};
Wire wire_of(Code code);
// "name unknown: The repository with name ..."
std::string docker_text(std::string_view code, std::string_view message);
std::string docker_text(const RegistryError& error);

}  // namespace slipway::registry
