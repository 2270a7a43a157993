#include "ecs/service_plan.h"

#include "base/error.h"
#include "base/log.h"
#include "ec2/network.h"
#include "ecs/service.h"
#include "ecs/task.h"
#include "elb/targets.h"

namespace slipway::ecs {
namespace {

plan::Phase phase_of(const shape::Task& task) {
  if (task.lastStatus == "STOPPED") return plan::Phase::stopped;
  if (task.lastStatus == "RUNNING") return plan::Phase::running;
  return is_pending(task) ? plan::Phase::pending : plan::Phase::stopping;
}

plan::Target target_of(const store::Reader& db, const TaskRecord& task, const TaskTarget& target) {
  plan::Target out;
  out.group = target.group;
  out.port = target.port;
  const auto state = elb::target_state(db, target.group, {task.interface->ip, target.port});
  if (!state) return out;
  out.reason = state->reason;
  if (state->state == "healthy") {
    out.phase = plan::TargetPhase::healthy;
  } else if (state->state == "unhealthy") {
    out.phase = plan::TargetPhase::unhealthy;
  } else if (state->state == "draining") {
    out.phase = plan::TargetPhase::draining;
  } else if (state->state == "unavailable" ||
             (state->state == "unused" && !elb::target_group_in_use(db, target.group))) {
    out.phase = plan::TargetPhase::healthy;  // nobody checks it: nothing to wait for
  } else {
    out.phase = plan::TargetPhase::initial;
  }
  return out;
}

bool declares_health(const store::Reader& db, const TaskRecord& task) {
  const auto definition =
      find_definition(db, task.region, task.task.taskDefinitionArn.value_or(""));
  if (!definition) return false;
  const auto& containers = *definition->definition.containerDefinitions;
  return std::any_of(containers.begin(), containers.end(), [](const auto& container) {
    return container.essential.value_or(true) && container.healthCheck;
  });
}

plan::Task task_of(const store::Reader& db, const TaskRecord& record) {
  const auto& task = record.task;
  plan::Task out;
  out.id = record.id;
  out.deployment = record.deployment;
  out.zone = task.availabilityZone.value_or("");
  out.subnet = record.interface ? record.interface->subnet : "";
  out.phase = phase_of(task);
  out.desired_running = task.desiredStatus == "RUNNING";
  out.asked_to_stop = record.asked_to_stop;
  out.created = task.createdAt ? TimePoint(*task.createdAt) : TimePoint();
  if (task.startedAt) out.started = *task.startedAt;
  out.was_healthy = record.was_healthy;
  out.accounted = record.accounted;
  if (declares_health(db, record)) {
    out.health = task.healthStatus == "HEALTHY"     ? plan::Health::healthy
                 : task.healthStatus == "UNHEALTHY" ? plan::Health::unhealthy
                                                    : plan::Health::unknown;
  }
  if (record.interface) {
    for (const auto& target : record.targets) {
      if (!elb::target_group_exists(db, target.group)) continue;
      out.targets.push_back(target_of(db, record, target));
    }
  }
  return out;
}

const DeploymentRecord* find_deployment(const ServiceRecord& service, const std::string& id) {
  for (const auto& deployment : service.deployments) {
    if (deployment.state.id == id) return &deployment;
  }
  return nullptr;
}

Tags tags_of(const ServiceRecord& service, const TaskDefinitionRecord& definition) {
  Tags out;
  if (service.service.propagateTags == "SERVICE") out = service.service.tags.value_or(Tags());
  if (service.service.propagateTags == "TASK_DEFINITION") out = definition.tags;
  if (service.service.enableECSManagedTags.value_or(false)) {
    out.push_back(tag("aws:ecs:clusterName", service.cluster));
    out.push_back(tag("aws:ecs:serviceName", *service.service.serviceName));
  }
  return out;
}

NewTask new_task(const ServiceRecord& service, const DeploymentRecord& deployment,
                 const TaskDefinitionRecord& definition, const plan::Start& start) {
  NewTask out;
  out.region = service.region;
  out.account = service.account;
  out.cluster = service.cluster;
  out.id = start.id;
  out.service = *service.service.serviceName;
  out.deployment = deployment.state.id;
  out.group = "service:" + out.service;
  out.started_by = deployment.state.id;
  out.launch_type = deployment.launch_type;
  out.platform_version = deployment.platform_version;
  out.tags = tags_of(service, definition);
  out.execute_command = service.service.enableExecuteCommand.value_or(false);
  for (const auto& balancer : deployment.load_balancers) {
    out.targets.push_back({balancer.targetGroupArn.value_or(""),
                           balancer.containerName.value_or(""),
                           static_cast<uint16_t>(balancer.containerPort.value_or(0))});
  }
  return out;
}

class Applier {
 public:
  Applier(store::Writer& db, ServiceRecord& service, const TaskRecords& tasks, TimePoint now)
      : db_(db), service_(service), now_(now) {
    for (const auto& task : tasks) {
      tasks_[task->id] = *task;
      if (task->task.capacityProviderName && task->task.desiredStatus == "RUNNING") {
        ++by_provider_[*task->task.capacityProviderName];
      }
    }
  }

  void apply(const plan::Actions& actions) {
    set_deployments(actions);
    for (const auto& start : actions.starts) add_task(start);
    for (const auto& registration : actions.registrations) {
      const auto& task = tasks_.at(registration.task);
      elb::register_target(db_, registration.group, {task.interface->ip, registration.port});
    }
    for (const auto& ending : actions.stops) {
      request_stop(db_, change(ending.id), "ServiceSchedulerInitiated", ending.reason, now_);
    }
    for (const auto& id : actions.first_healthy) change(id).was_healthy = true;
    for (const auto& id : actions.accounted) account(change(id));
    for (const auto& event : actions.events) add_event(service_, event, now_);
    for (const auto& id : changed_) tasks.put(db_, key_of(tasks_.at(id)), tasks_.at(id));
  }

 private:
  TaskRecord& change(const std::string& id) {
    changed_.insert(id);
    return tasks_.at(id);
  }

  void set_deployments(const plan::Actions& actions) {
    std::vector<DeploymentRecord> next;
    for (const auto& state : actions.deployments) {
      DeploymentRecord record = *find_deployment(service_, state.id);
      record.state = state;
      next.push_back(std::move(record));
    }
    service_.deployments = std::move(next);
    show_primary(service_);  // a rollback changes which one that is
    const auto us = [](const std::optional<TimePoint>& t) {
      return t ? std::optional<int64_t>(to_us(*t)) : std::nullopt;
    };
    service_.steady_reported_us = us(actions.steady_reported);
    service_.stuck_reported_us = us(actions.stuck_reported);
  }

  void add_task(const plan::Start& start) {
    const auto& deployment = *find_deployment(service_, start.deployment);
    const auto definition = find_definition(db_, service_.region, deployment.task_definition);
    if (!definition) {
      log::error("ecs", "service {}: {} is gone", *service_.service.serviceName,
                 deployment.task_definition);
      return;
    }
    NewTask wanted = new_task(service_, deployment, *definition, start);
    wanted.capacity_provider = choose_provider(deployment.strategy, by_provider_);
    ++by_provider_[wanted.capacity_provider];
    TaskRecord record = make_task(wanted, definition->definition, now_);
    const auto& vpc = *deployment.network->awsvpcConfiguration;
    try {
      attach_interface(db_, record, start.subnet,
                       vpc.securityGroups.value_or(std::vector<std::string>()));
    } catch (const Error& e) {
      record.task.availabilityZone = start.zone;
      mark_failed_to_start(record,
                           fmt::format("Unexpected EC2 error while attempting to Create "
                                       "Network Interface in subnet '{}': {}",
                                       start.subnet, e.what()),
                           now_);
      record.released = true;
    }
    tasks_[record.id] = record;
    changed_.insert(record.id);
  }

  void account(TaskRecord& task) {
    task.accounted = true;
    if (task.asked_to_stop || task.task.stopCode != "TaskFailedToStart") return;
    std::string reason = task.task.stoppedReason.value_or("unknown");
    if (reason.ends_with('.')) reason.pop_back();
    const std::string message = fmt::format("(service {}) was unable to place a task. Reason: {}.",
                                            *service_.service.serviceName, reason);
    add_event_once(service_, message, now_);
  }

  store::Writer& db_;
  ServiceRecord& service_;
  const TimePoint now_;
  std::map<std::string, TaskRecord> tasks_;
  std::set<std::string> changed_;
  std::map<std::string, int> by_provider_;
};

}  // namespace

TaskRecords tasks_of(const store::Reader& db, const ServiceRecord& service) {
  TaskRecords out;
  for (auto& task : tasks.scan(db, cluster_key(service.region, service.cluster) + "/")) {
    if (task->service != *service.service.serviceName) continue;
    if (task->task.lastStatus == "STOPPED" && task->accounted) continue;
    out.push_back(std::move(task));
  }
  return out;
}

plan::Service plan_input(const store::Reader& db, const ServiceRecord& service,
                         const TaskRecords& tasks) {
  const auto& from = service.service;
  plan::Service out;
  out.name = *from.serviceName;
  out.desired = from.desiredCount.value_or(0);
  const auto& configuration = *from.deploymentConfiguration;
  out.minimum_healthy_percent = configuration.minimumHealthyPercent.value_or(100);
  out.maximum_percent = configuration.maximumPercent.value_or(200);
  if (const auto& breaker = configuration.deploymentCircuitBreaker) {
    out.breaker = {breaker->enable.value_or(false), breaker->rollback.value_or(false)};
  }
  out.grace = seconds(from.healthCheckGracePeriodSeconds.value_or(0));
  for (const auto& deployment : service.deployments) out.deployments.push_back(deployment.state);
  for (const auto& task : tasks) out.tasks.push_back(task_of(db, *task));
  if (!service.deployments.empty()) {
    const auto& primary = service.deployments.front();
    if (primary.network && primary.network->awsvpcConfiguration &&
        primary.launch_type == "FARGATE") {
      for (const auto& id :
           primary.network->awsvpcConfiguration->subnets.value_or(std::vector<std::string>())) {
        const auto subnet = ec2::find_subnet(db, id);
        out.subnets.push_back({id, subnet ? subnet->availability_zone : ""});
      }
    }
  }
  const auto time = [](const std::optional<int64_t>& us) {
    return us ? std::optional<TimePoint>(from_us(*us)) : std::nullopt;
  };
  out.steady_reported = time(service.steady_reported_us);
  out.stuck_reported = time(service.stuck_reported_us);
  return out;
}

void apply_actions(store::Writer& db, ServiceRecord& service, const TaskRecords& tasks,
                   const plan::Actions& actions, TimePoint now) {
  Applier(db, service, tasks, now).apply(actions);
}

bool ready_to_be_inactive(const ServiceRecord& service, const TaskRecords& tasks) {
  if (service.service.status != "DRAINING") return false;
  return std::all_of(tasks.begin(), tasks.end(),
                     [](const auto& task) { return task->task.lastStatus == "STOPPED"; });
}

bool add_event_once(ServiceRecord& service, const std::string& message, TimePoint now) {
  for (const auto& event : service.events) {
    if (event.message == message && now < TimePoint(*event.createdAt) + std::chrono::hours(6)) {
      return false;
    }
  }
  add_event(service, message, now);
  return true;
}

}  // namespace slipway::ecs
