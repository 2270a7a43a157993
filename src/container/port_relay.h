// Published TCP ports over IPv6. Containers have IPv4 addresses only, and rules cannot translate
// between the two: so connections to [::]:PORT are accepted here and copied to the container, for
// programs that take "localhost" for ::1 and nothing else. IPv4 never comes this way. One thread
// serves all of them. Thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace slipway::container {

class PortRelay {
 public:
  PortRelay();
  ~PortRelay();
  // Listens on [::]:port. False when that cannot be: no IPv6 here, or somebody has it.
  bool open(const std::string& container, uint16_t port, const std::string& ip,
            uint16_t container_port);
  // Its ports lead to this address from now on.
  void move(const std::string& container, const std::string& ip);
  // Connections that are under way end too.
  void close(const std::string& container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::container
