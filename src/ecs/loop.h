// Makes desired state true: tasks are started, watched, drained, stopped and given up
// (loop_task.cc), services keep their count and roll (loop_service.cc, plan/), what ended long ago
// is forgotten (loop_sweep.cc). Level-triggered: each pass looks at everything, decides from what
// is stored and what the agent reports, stores the decision, then acts; so it may die anywhere and
// start again. One thread runs run(); nothing else is kept in memory.
#pragma once
#include <optional>

#include "base/clock.h"
#include "base/stop.h"
#include "ecs/api.h"
#include "ecs/records.h"
#include "ecs/task_runner.h"
#include "store/store.h"

namespace slipway::ecs {

class Loop {
 public:
  struct Deps {
    store::Store& store;
    TaskRunner& runner;
    Clock& clock;
    Ecs::Options options = {};
  };
  explicit Loop(Deps deps) : deps_(deps) {}

  // Until stop. Failures are logged and tried again.
  void run(const Stop& stop);

  // One pass; for run() and for tests.
  struct Pass {
    bool progressed = false;        // something was stored or done: pass again
    std::optional<TimePoint> wake;  // pass again then at the latest
  };
  Pass pass();

 private:
  using Statuses = std::map<std::string, agent::TaskStatus>;  // by ARN

  // loop_task.cc
  bool pass_tasks(const Statuses& statuses);
  bool forget_strangers(const Statuses& statuses);
  // loop_service.cc
  Pass pass_services();
  bool pass_service(const std::string& key, std::optional<TimePoint>& wake);
  // loop_sweep.cc
  bool sweep();

  Deps deps_;
  std::optional<TimePoint> swept_;
};

}  // namespace slipway::ecs
