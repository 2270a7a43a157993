// Between the store's records and the pure planner: a service as the planner sees it, and the
// planner's actions as changes of records. Everything inside the caller's transaction.
#pragma once
#include "ecs/plan/planner.h"
#include "ecs/records.h"

namespace slipway::ecs {

using TaskRecords = std::vector<std::shared_ptr<const TaskRecord>>;

// The service's tasks that still matter to its plan.
TaskRecords tasks_of(const store::Reader& db, const ServiceRecord& service);
plan::Service plan_input(const store::Reader& db, const ServiceRecord& service,
                         const TaskRecords& tasks);
void apply_actions(store::Writer& db, ServiceRecord& service, const TaskRecords& tasks,
                   const plan::Actions& actions, TimePoint now);
// A service that drains has no task left.
bool ready_to_be_inactive(const ServiceRecord& service, const TaskRecords& tasks);
// An event that need not be repeated for six hours; true when it was added.
bool add_event_once(ServiceRecord& service, const std::string& message, TimePoint now);

}  // namespace slipway::ecs
