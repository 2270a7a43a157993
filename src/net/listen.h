// Listening sockets: bound, listening, non-blocking.
#pragma once
#include <cstdint>
#include <string>

#include "base/fd.h"

namespace slipway::net {

// Replaces a stale socket file; throws Error(conflict) when somebody answers on it.
Fd bind_unix(const std::string& path, unsigned mode);
Fd bind_tcp(const std::string& address, uint16_t port);
uint16_t port_of(int fd);

}  // namespace slipway::net
