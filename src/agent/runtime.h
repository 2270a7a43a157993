// What the worker of a task needs from the host, as narrow as it can be: the engine's runtime for
// real (engine_runtime.h), a fake in tests. Every call can be repeated. What fails throws an Error
// whose text is the reason as ECS shows it ("CannotStartContainerError: ...").
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "agent/plan.h"

namespace slipway::agent {

// The worker as the runtime sees it.
struct TaskHandle {
  std::function<TaskRecord()> snapshot;
  std::function<void()> wake;
};

class TaskRuntime {
 public:
  virtual ~TaskRuntime() = default;
  // Begin of this life of the daemon: follow the output of containers that are there.
  virtual void adopt(const TaskRecord& record, const TaskHandle& handle) = 0;
  virtual void prepare(const TaskRecord& record, const TaskHandle& handle) = 0;
  struct Pulled {
    std::string image_id, digest;
  };
  virtual Pulled pull(const std::string& image, const Stop& stop) = 0;
  virtual void create(const TaskRecord& record, size_t container) = 0;
  // Returns the log stream, if any.
  virtual std::string start(const TaskRecord& record, size_t container,
                            const TaskHandle& handle) = 0;
  virtual void signal(const TaskRecord& record, size_t container) = 0;
  virtual void kill(const TaskRecord& record, size_t container) = 0;
  virtual Seen look(const TaskRecord& record, size_t container) = 0;
  virtual bool logs_drained(const TaskRecord& record) = 0;
  virtual void release(const TaskRecord& record) = 0;
};

}  // namespace slipway::agent
