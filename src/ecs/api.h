// ECS: the control plane of clusters, task definitions, tasks and services. Handlers validate and
// write desired state; loop.h makes it true. api.cc holds the table of operations.
#pragma once
#include "aws/operation.h"
#include "base/clock.h"
#include "ecs/plan/service.h"

namespace slipway::ecs {

class Ecs {
 public:
  struct Options {
    plan::Options plan;
    // Stopped tasks, inactive services and clusters stay describable this long.
    seconds keep_ended{3600};
  };
  Ecs() = default;
  explicit Ecs(Options options) : options_(std::move(options)) {}
  const Options& options() const { return options_; }

 private:
  Options options_;
};

aws::Service service(Ecs& self);

}  // namespace slipway::ecs
