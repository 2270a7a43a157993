// The life of deployments: failures counted, starts held back, the circuit breaker, completion and
// what stays in the list. Pure; part of planner.cc's work, apart for size.
#pragma once
#include "ecs/plan/service.h"

namespace slipway::ecs::plan {

// True when span has passed since then. A clock that was set back by more than the span does not
// make anyone wait for the old time to come again.
bool has_passed(TimePoint since, microseconds span, TimePoint now);

// Failures in a row at which a deployment of this many tasks fails.
int breaker_threshold(int desired);

// A task of the deployment runs or has run.
void note_running(Deployment& deployment, const Task& task, TimePoint now);
// A task of the deployment ended by itself.
void note_end(Deployment& deployment, const Task& task, TimePoint now);
// Until when nothing may be started, if at all.
std::optional<TimePoint> held_back_until(const Deployment& deployment, TimePoint now);

// Fails the primary deployment if it has failed often enough, and brings back the newest completed
// one when the breaker says so. deployments is the service's list, primary first.
void trip_breaker(const Service& service, std::vector<Deployment>& deployments, TimePoint now,
                  std::vector<std::string>& events);

void set_rollout(Deployment& deployment, Rollout rollout, std::string reason, TimePoint now);

}  // namespace slipway::ecs::plan
