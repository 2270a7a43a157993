// The service half of the loop: plan every service; what there is to do is planned again and
// applied inside one transaction per service.
#include "base/ids.h"
#include "base/log.h"
#include "ecs/loop.h"
#include "ecs/service_plan.h"

namespace slipway::ecs {
namespace {

std::string new_task_id() {
  return random_hex(32);
}

// An EC2 service can be made, as on AWS; but there are no container instances to place it on.
std::string no_instances(const ServiceRecord& service) {
  return fmt::format(
      "(service {}) was unable to place a task because no container instance met all of its "
      "requirements. Reason: No Container Instances were found in your cluster.",
      *service.service.serviceName);
}

bool cannot_place(const ServiceRecord& service) {
  return !service.deployments.empty() && service.deployments.front().launch_type == "EC2" &&
         service.service.desiredCount.value_or(0) > 0;
}

void retire(ServiceRecord& service, TimePoint now) {
  service.service.status = "INACTIVE";
  service.deployments.clear();
  service.inactive_since_us = to_us(now);
}

void note_wake(std::optional<TimePoint>& wake, const std::optional<TimePoint>& when) {
  if (when && (!wake || *when < *wake)) wake = when;
}

}  // namespace

Loop::Pass Loop::pass_services() {
  Pass out;
  std::vector<std::string> busy;
  deps_.store.read([&](const store::Reader& db) {
    busy.clear();
    // One scan for all: a scan per service would be quadratic.
    std::map<std::string, TaskRecords> by_service;
    for (auto& task : tasks.scan(db)) {
      if (task->service.empty() || (task->task.lastStatus == "STOPPED" && task->accounted)) {
        continue;
      }
      by_service[service_key(task->region, task->cluster, task->service)].push_back(task);
    }
    for (const auto& service : services.scan(db)) {
      if (service->service.status == "INACTIVE") continue;
      const std::string key = key_of(*service);
      const TaskRecords& mine = by_service[key];
      const auto actions = plan::plan(plan_input(db, *service, mine), deps_.clock.now(),
                                      new_task_id, deps_.options.plan);
      ServiceRecord scratch;
      scratch.events = service->events;
      const bool must_say = cannot_place(*service) &&
                            add_event_once(scratch, no_instances(*service), deps_.clock.now());
      if (!actions.nothing_to_do() || must_say || ready_to_be_inactive(*service, mine)) {
        busy.push_back(key);
      } else {
        note_wake(out.wake, actions.wake);
      }
    }
  });
  for (const auto& key : busy) {
    try {
      out.progressed = pass_service(key, out.wake) || out.progressed;
    } catch (const std::exception& e) {
      log::error("ecs", "service {}: {}", key, e.what());
      note_wake(out.wake, deps_.clock.now() + seconds(1));
    }
  }
  return out;
}

bool Loop::pass_service(const std::string& key, std::optional<TimePoint>& wake) {
  const TimePoint now = deps_.clock.now();
  std::optional<TimePoint> next;
  deps_.store.write([&](store::Writer& db) {
    const auto found = services.get(db, key);
    if (!found || found->service.status == "INACTIVE") return;
    ServiceRecord record = *found;
    const TaskRecords mine = tasks_of(db, record);
    const auto actions =
        plan::plan(plan_input(db, record, mine), now, new_task_id, deps_.options.plan);
    next = actions.wake;
    apply_actions(db, record, mine, actions, now);
    if (cannot_place(record)) add_event_once(record, no_instances(record), now);
    if (actions.stops.empty() && actions.starts.empty() && ready_to_be_inactive(record, mine)) {
      retire(record, now);
    }
    services.put(db, key, record);
  });
  note_wake(wake, next);
  return true;
}

}  // namespace slipway::ecs
