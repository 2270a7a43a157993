// The rolling service scheduler as a pure function: what a service is and has -> what to do next.
// It keeps minimumHealthyPercent / maximumPercent, waits for health before it counts a task, starts
// replacements, spreads over zones, backs off, trips the circuit breaker and rolls back, and says
// what AWS says in the service's events. Idempotent: planning again without having applied the
// actions gives the same actions (with other ids); planning after applying them goes on.
#pragma once
#include <functional>

#include "ecs/plan/service.h"

namespace slipway::ecs::plan {

// new_id: ids for started tasks (32 hexadecimal digits).
Actions plan(const Service& service, TimePoint now, const std::function<std::string()>& new_id,
             const Options& options = {});

// ceil(desired * percent / 100), floor(desired * percent / 100).
int lower_bound(int desired, int minimum_healthy_percent);
int upper_bound(int desired, int maximum_percent);

// Does the task count towards minimumHealthyPercent now?
bool counts_as_healthy(const Task& task, TimePoint now, const Options& options);

}  // namespace slipway::ecs::plan
