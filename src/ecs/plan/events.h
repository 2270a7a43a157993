// The texts of service events and rollout states, word for word as AWS writes them: people and
// scripts grep for them.
#pragma once
#include <string>
#include <vector>

namespace slipway::ecs::plan::text {

std::string started(const std::string& service, const std::vector<std::string>& tasks);
std::string stopped_running(const std::string& service, const std::vector<std::string>& tasks);
std::string stopped_pending(const std::string& service, size_t count);
std::string draining(const std::string& service, size_t count);
std::string registered(const std::string& service, size_t count, const std::string& group);
std::string deregistered(const std::string& service, size_t count, const std::string& group);
std::string unhealthy_target(const std::string& service, const std::string& task, int port,
                             const std::string& group, const std::string& reason);
std::string unhealthy_container(const std::string& service, const std::string& task);
std::string steady(const std::string& service);
std::string stuck(const std::string& service);
std::string throttled(const std::string& service);
std::string completed(const std::string& service, const std::string& deployment);
std::string failed(const std::string& service, const std::string& deployment);
std::string rolling_back(const std::string& service, const std::string& deployment);

// rolloutStateReason
std::string reason_in_progress(const std::string& deployment);
std::string reason_completed(const std::string& deployment);
std::string reason_failed();
std::string reason_rolling_back(const std::string& deployment);

// stoppedReason of a task
std::string stop_scaling(const std::string& deployment);
std::string stop_target_health(const std::string& group);
std::string stop_container_health();

}  // namespace slipway::ecs::plan::text
