// What the service scheduler sees and what it decides: plain values, no store, no clock, no ids of
// AWS shapes. loop_service.cc fills a Service from the store's records and applies the Actions in
// the same transaction; the simulation fills it from a fake world.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace slipway::ecs::plan {

// Where a task stands, as last reported by the agent. stopping: it left RUNNING (draining counts).
enum class Phase { pending, running, stopping, stopped };

// none: the task definition declares no health check on an essential container.
enum class Health { none, unknown, healthy, unhealthy };

enum class TargetPhase { absent, initial, healthy, unhealthy, draining };

// One target-group membership of a task: every task has those its deployment asks for.
struct Target {
  std::string group;  // ARN
  uint16_t port = 0;
  TargetPhase phase = TargetPhase::absent;
  std::string reason;  // "Health checks failed with these codes: [502]"
};

struct Task {
  std::string id;          // 32 hexadecimal digits
  std::string deployment;  // ecs-svc/...
  std::string zone, subnet;
  Phase phase = Phase::pending;
  bool desired_running = true;
  // The control plane asked for the end (scheduler, StopTask); else the task ended by itself.
  bool asked_to_stop = false;
  TimePoint created;
  std::optional<TimePoint> started;  // reached RUNNING
  Health health = Health::none;
  bool was_healthy = false;  // by Actions::first_healthy
  bool accounted = false;    // by Actions::accounted
  std::vector<Target> targets;
};

enum class Rollout { in_progress, completed, failed };

struct Deployment {
  std::string id;
  Rollout rollout = Rollout::in_progress;
  std::string reason;
  TimePoint created, updated;
  int failed_tasks = 0;  // in a row
  // A task of this rollout has been RUNNING: from then on the circuit breaker counts health
  // failures instead of failures to start.
  bool reached_running = false;
  bool rollback = false;  // made primary again by the circuit breaker
  // Back-off of starts: step failures in a row, no start until since + delay.
  int backoff_step = 0;
  TimePoint backoff_since;
  microseconds backoff_delay{0};

  bool operator==(const Deployment&) const = default;
};

struct CircuitBreaker {
  bool enable = false, rollback = false;
};

struct Subnet {
  std::string id, zone;
};

struct Service {
  std::string name;
  int desired = 0;
  int minimum_healthy_percent = 100, maximum_percent = 200;
  CircuitBreaker breaker;
  seconds grace{0};                     // healthCheckGracePeriodSeconds
  std::vector<Deployment> deployments;  // newest, the primary one, first
  std::vector<Task> tasks;              // those stopped and accounted for may be left out
  std::vector<Subnet> subnets;          // of the primary deployment
  // What the planner remembers between two plans.
  std::optional<TimePoint> steady_reported;  // while steady: when it was said last
  std::optional<TimePoint> stuck_reported;
};

struct Options {
  // How long a task without any health check must run to count as healthy.
  seconds settle_time{40};
  seconds repeat_events{6 * 3600};
};

struct Start {
  std::string id, deployment, subnet, zone;
};
struct Ending {
  std::string id, reason;
};
struct Registration {
  std::string task, group;
  uint16_t port = 0;
};

struct Actions {
  // The service's new memory, always complete; changed: differs from what was given.
  std::vector<Deployment> deployments;
  std::optional<TimePoint> steady_reported, stuck_reported;
  bool changed = false;
  std::vector<Registration> registrations;
  std::vector<Start> starts;
  std::vector<Ending> stops;
  std::vector<std::string> first_healthy;  // tasks
  std::vector<std::string> accounted;      // tasks whose end has been taken note of
  std::vector<std::string> events;         // oldest first
  std::optional<TimePoint> wake;           // plan again then even if nothing changes

  bool nothing_to_do() const {
    return !changed && registrations.empty() && starts.empty() && stops.empty() &&
           first_healthy.empty() && accounted.empty() && events.empty();
  }
};

}  // namespace slipway::ecs::plan
