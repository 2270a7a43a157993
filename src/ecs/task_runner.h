// What the loop needs of the agent, as narrow as it is: agent::Agent in the program, a fake in
// tests, container instances on other hosts one day.
#pragma once
#include "agent/agent.h"

namespace slipway::ecs {

class TaskRunner {
 public:
  virtual ~TaskRunner() = default;
  // All idempotent, keyed by the task's ARN; see agent/agent.h.
  virtual void start_task(const agent::TaskSpec& task) = 0;
  virtual void stop_task(const std::string& arn) = 0;
  virtual void forget_task(const std::string& arn) = 0;
  virtual std::vector<agent::TaskStatus> list() const = 0;
  virtual uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const = 0;
};

class AgentRunner : public TaskRunner {
 public:
  explicit AgentRunner(agent::Agent& agent) : agent_(agent) {}
  void start_task(const agent::TaskSpec& task) override { agent_.start_task(task); }
  void stop_task(const std::string& arn) override { agent_.stop_task(arn); }
  void forget_task(const std::string& arn) override { agent_.forget_task(arn); }
  std::vector<agent::TaskStatus> list() const override { return agent_.list(); }
  uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const override {
    return agent_.wait_for_change(after, stop, deadline);
  }

 private:
  agent::Agent& agent_;
};

}  // namespace slipway::ecs
