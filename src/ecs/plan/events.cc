#include "ecs/plan/events.h"

#include <fmt/format.h>

namespace slipway::ecs::plan::text {
namespace {
std::string list(const std::vector<std::string>& tasks) {
  std::string out;
  for (const auto& id : tasks) out += fmt::format("{}(task {})", out.empty() ? "" : " ", id);
  return out;
}
}  // namespace

std::string started(const std::string& service, const std::vector<std::string>& tasks) {
  return fmt::format("(service {}) has started {} tasks: {}.", service, tasks.size(), list(tasks));
}
std::string stopped_running(const std::string& service, const std::vector<std::string>& tasks) {
  return fmt::format("(service {}) has stopped {} running tasks: {}.", service, tasks.size(),
                     list(tasks));
}
std::string stopped_pending(const std::string& service, size_t count) {
  return fmt::format("(service {}) stopped {} pending tasks.", service, count);
}
std::string draining(const std::string& service, size_t count) {
  return fmt::format("(service {}) has begun draining connections on {} tasks.", service, count);
}
std::string registered(const std::string& service, size_t count, const std::string& group) {
  return fmt::format("(service {}) registered {} targets in (target-group {})", service, count,
                     group);
}
std::string deregistered(const std::string& service, size_t count, const std::string& group) {
  return fmt::format("(service {}) deregistered {} targets in (target-group {})", service, count,
                     group);
}
std::string unhealthy_target(const std::string& service, const std::string& task, int port,
                             const std::string& group, const std::string& reason) {
  return fmt::format(
      "(service {}) (task {}) (port {}) is unhealthy in (target-group {}) due to (reason {})",
      service, task, port, group, reason.empty() ? "Health checks failed" : reason);
}
std::string unhealthy_container(const std::string& service, const std::string& task) {
  return fmt::format("(service {}) (task {}) failed container health checks.", service, task);
}
std::string steady(const std::string& service) {
  return fmt::format("(service {}) has reached a steady state.", service);
}
std::string stuck(const std::string& service) {
  return fmt::format(
      "(service {}) was unable to stop or start tasks during a deployment because of the service "
      "deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try "
      "again.",
      service);
}
std::string throttled(const std::string& service) {
  return fmt::format("(service {}) is unable to consistently start tasks successfully.", service);
}
std::string completed(const std::string& service, const std::string& deployment) {
  return fmt::format("(service {}) (deployment {}) deployment completed.", service, deployment);
}
std::string failed(const std::string& service, const std::string& deployment) {
  return fmt::format("(service {}) (deployment {}) deployment failed: tasks failed to start.",
                     service, deployment);
}
std::string rolling_back(const std::string& service, const std::string& deployment) {
  return fmt::format("(service {}) rolling back to deployment {}.", service, deployment);
}

std::string reason_in_progress(const std::string& deployment) {
  return fmt::format("ECS deployment {} in progress.", deployment);
}
std::string reason_completed(const std::string& deployment) {
  return fmt::format("ECS deployment {} completed.", deployment);
}
std::string reason_failed() {
  return "ECS deployment circuit breaker: tasks failed to start.";
}
std::string reason_rolling_back(const std::string& deployment) {
  return fmt::format("ECS deployment circuit breaker: rolling back to deploymentId {}.",
                     deployment);
}

std::string stop_scaling(const std::string& deployment) {
  return fmt::format("Scaling activity initiated by (deployment {})", deployment);
}
std::string stop_target_health(const std::string& group) {
  return fmt::format("Task failed ELB health checks in (target-group {})", group);
}
std::string stop_container_health() {
  return "Task failed container health checks";
}

}  // namespace slipway::ecs::plan::text
