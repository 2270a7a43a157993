// 169.254.170.2 as tasks see it: metadata and credentials. For awsvpc tasks from a socket inside
// the task's namespace, which answers for that task only; for bridge and host tasks from one socket
// on the host's loopback interface, for whoever knows a container's token. Thread-safe.
#pragma once
#include <memory>
#include <string>

#include "agent/runtime.h"
#include "container/engine.h"

namespace slipway::agent {

class Endpoints {
 public:
  using Credentials =
      std::function<std::string(const std::string& role_arn, const std::string& task_arn)>;
  Endpoints(container::Engine& engine, Credentials credentials);
  ~Endpoints();

  // netns_path empty: the host's socket. Open already: nothing happens.
  void open(const std::string& task_id, const std::string& netns_path,
            std::function<TaskRecord()> snapshot);
  void close(const std::string& task_id);
  // Takes the address from the host's loopback interface again.
  void tear_down();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::agent
