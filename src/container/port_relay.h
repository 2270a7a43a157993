// Published TCP ports over IPv6, where rules cannot lead them: to containers that have IPv4 alone
// (rules do not translate between the two), and from ::1 (whose packets stay on loopback). Such
// connections are accepted here and copied to the container, for programs that take "localhost" for
// ::1 and nothing else. IPv4 never comes this way. One thread serves all of them. Thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.h"

namespace slipway::container {

// Where a container is reached: by its IPv6 address first, where it has one.
struct RelayTarget {
  std::string ip, ip6;  // empty: not so
  bool operator==(const RelayTarget&) const = default;
};

class PortRelay {
 public:
  PortRelay();
  ~PortRelay();
  // listener: a listening socket that does not block.
  void open(const std::string& container, Fd listener, const RelayTarget& to,
            uint16_t container_port);
  // Its ports lead there from now on.
  void move(const std::string& container, const RelayTarget& to);
  // Connections that are under way end too.
  void close(const std::string& container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::container
