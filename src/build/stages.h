// Builds the stages of a Dockerfile that a target needs: each in a thread of its own, as soon as
// what it reads from is there. The first failure ends them all.
#pragma once
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "build/plan.h"
#include "build/stage.h"

namespace slipway::build {

class Stages {
 public:
  Stages(Job& job, const BuildFile& file, const Plan& plan) : job_(job), file_(file), plan_(plan) {}
  ~Stages();  // ends what still runs
  // Throws what the first failing stage threw.
  StageResult build(size_t target);

 private:
  struct Running {
    std::shared_future<StageResult> result;
    std::jthread thread;
  };
  std::shared_future<StageResult> start(size_t index);
  StageResult run(size_t index);
  void limit_running();

  Job& job_;
  const BuildFile& file_;
  const Plan& plan_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<size_t, Running> running_;
  int alive_ = 0;
  std::exception_ptr first_failure_;
};

}  // namespace slipway::build
