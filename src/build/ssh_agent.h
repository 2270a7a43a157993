// RUN --mount=type=ssh: a socket for the container behind which the user's own agent answers. The
// agent only talks to its owner and root; this end may belong to anybody.
#pragma once
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/stop.h"

namespace slipway::build {

class AgentSocket {
 public:
  // Listens at path. agent: the socket of the agent. Throws SystemError, Error(invalid_argument).
  AgentSocket(const std::string& path, const std::string& agent, uint32_t uid, uint32_t gid,
              uint32_t mode);
  ~AgentSocket();  // ends every connection

 private:
  void serve();
  std::string agent_;
  Fd listener_;
  Stop stop_;
  std::jthread thread_;
};

}  // namespace slipway::build
