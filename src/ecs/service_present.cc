// Services as the API shows them, and small changes of their records that handlers and the loop
// share.
#include "base/ids.h"
#include "ecs/plan/events.h"
#include "ecs/service.h"
#include "ecs/task.h"

namespace slipway::ecs {
namespace {

struct Counts {
  int32_t running = 0, pending = 0;
};

shape::Deployment present(const DeploymentRecord& record, bool primary, int32_t desired,
                          const Counts& counts) {
  shape::Deployment out;
  out.id = record.state.id;
  out.status = primary ? "PRIMARY" : "ACTIVE";
  out.taskDefinition = record.task_definition;
  out.desiredCount = primary ? desired : counts.running + counts.pending;
  out.runningCount = counts.running;
  out.pendingCount = counts.pending;
  out.failedTasks = record.state.failed_tasks;
  out.createdAt = record.state.created;
  out.updatedAt = record.state.updated;
  if (record.strategy.empty()) {
    out.launchType = record.launch_type;
  } else {
    out.capacityProviderStrategy = record.strategy;
  }
  if (record.launch_type == "FARGATE") {
    out.platformVersion = record.platform_version == "LATEST" ? "1.4.0" : record.platform_version;
    out.platformFamily = "Linux";
  }
  out.networkConfiguration = record.network;
  out.rolloutState = rollout_text(record.state.rollout);
  out.rolloutStateReason = record.state.reason;
  return out;
}

}  // namespace

shape::Service present(const store::Reader& db, const ServiceRecord& record, bool with_tags) {
  shape::Service out = record.service;
  std::map<std::string, Counts> by_deployment;
  Counts all;
  for (const auto& task : tasks.scan(db, cluster_key(record.region, record.cluster) + "/")) {
    if (task->service != *record.service.serviceName) continue;
    Counts& counts = by_deployment[task->deployment];
    if (task->task.lastStatus == "RUNNING") {
      ++counts.running;
      ++all.running;
    } else if (is_pending(task->task) && task->task.desiredStatus == "RUNNING") {
      ++counts.pending;
      ++all.pending;
    }
  }
  out.runningCount = all.running;
  out.pendingCount = all.pending;
  out.deployments.emplace();
  for (const auto& deployment : record.deployments) {
    out.deployments->push_back(present(deployment, &deployment == &record.deployments.front(),
                                       *out.desiredCount, by_deployment[deployment.state.id]));
  }
  out.events = record.events;
  if (!with_tags) out.tags.reset();
  return out;
}

std::string service_name(const aws::Context& c, const std::string& cluster,
                         const std::string& reference) {
  return id_in_cluster(c, "service", cluster, reference);
}

void show_primary(ServiceRecord& record) {
  if (record.deployments.empty()) return;
  const DeploymentRecord& primary = record.deployments.front();
  auto& service = record.service;
  service.taskDefinition = primary.task_definition;
  service.networkConfiguration = primary.network;
  service.loadBalancers = primary.load_balancers;
  if (primary.strategy.empty()) {
    service.launchType = primary.launch_type;
    service.capacityProviderStrategy.reset();
  } else {
    service.launchType.reset();
    service.capacityProviderStrategy = primary.strategy;
  }
  if (primary.launch_type == "FARGATE") {
    service.platformVersion = primary.platform_version;
    service.platformFamily = "Linux";
  }
}

void add_event(ServiceRecord& record, const std::string& message, TimePoint now) {
  shape::ServiceEvent event;
  event.id = random_uuid();
  event.createdAt = now;
  event.message = message;
  record.events.insert(record.events.begin(), event);
  if (record.events.size() > 100) record.events.resize(100);
}

plan::Deployment new_deployment(TimePoint now) {
  plan::Deployment out;
  out.id = random_deployment_id();
  out.created = out.updated = now;
  out.reason = plan::text::reason_in_progress(out.id);
  return out;
}

}  // namespace slipway::ecs
