// UpdateService: what changes at once, and what makes a new deployment.
#include "ecs/service.h"
#include "ecs/task.h"

namespace slipway::ecs {
namespace {

std::shared_ptr<const TaskDefinitionRecord> wanted_definition(const aws::Context& c,
                                                              const shape::UpdateServiceRequest& in,
                                                              const std::string& current) {
  const bool given = in.taskDefinition && !in.taskDefinition->empty();
  auto found = find_definition(*c.db, c.region, given ? *in.taskDefinition : current);
  // The revision in use may be named even after it was deregistered.
  if (found && found->definition.taskDefinitionArn == current) return found;
  return need_active_definition(c, in.taskDefinition.value_or(""));
}

// Everything of the update that belongs to a service revision, applied to the current one.
DeploymentRecord changed_revision(const aws::Context& c, const shape::UpdateServiceRequest& in,
                                  const shape::Cluster& cluster, const DeploymentRecord& current) {
  DeploymentRecord out = current;
  const auto definition = wanted_definition(c, in, current.task_definition);
  const auto& wanted = definition->definition;
  out.task_definition = *wanted.taskDefinitionArn;
  if (in.capacityProviderStrategy) {
    const Compute compute =
        in.capacityProviderStrategy->empty()
            ? Compute{current.launch_type, {}}
            : choose_compute(cluster, std::nullopt, in.capacityProviderStrategy);
    out.launch_type = compute.launch_type;
    out.strategy = compute.strategy;
  }
  check_compatible(wanted, out.launch_type);
  if (in.networkConfiguration || out.task_definition != current.task_definition) {
    out.network = checked_network(
        *c.db, in.networkConfiguration ? in.networkConfiguration : current.network, wanted);
  }
  if (in.loadBalancers || out.task_definition != current.task_definition) {
    out.load_balancers = checked_load_balancers(
        *c.db, in.loadBalancers ? *in.loadBalancers : current.load_balancers, wanted);
  }
  if (in.platformVersion) {
    if (*in.platformVersion != "LATEST" && *in.platformVersion != "1.4.0") {
      throw shape::PlatformUnknownException("The specified platform version does not exist.");
    }
    out.platform_version = *in.platformVersion;
  }
  return out;
}

bool same_revision(const DeploymentRecord& a, const DeploymentRecord& b) {
  return a.task_definition == b.task_definition && a.network == b.network &&
         a.load_balancers == b.load_balancers && a.launch_type == b.launch_type &&
         a.strategy == b.strategy && a.platform_version == b.platform_version;
}

// Settings that tasks get at their creation; true when one has changed.
bool apply_task_settings(shape::Service& service, const shape::UpdateServiceRequest& in) {
  bool changed = false;
  const auto set = [&](auto& target, const auto& value) {
    if (!value || target == value) return;
    target = value;
    changed = true;
  };
  set(service.enableExecuteCommand, in.enableExecuteCommand);
  set(service.enableECSManagedTags, in.enableECSManagedTags);
  set(service.propagateTags, in.propagateTags);
  set(service.placementConstraints, in.placementConstraints);
  set(service.placementStrategy, in.placementStrategy);
  return changed;
}

void apply_settings(shape::Service& service, const shape::UpdateServiceRequest& in) {
  if (in.desiredCount) service.desiredCount = checked_count(*in.desiredCount);
  if (in.deploymentConfiguration) {
    service.deploymentConfiguration = checked_deployment_configuration(
        in.deploymentConfiguration, *service.deploymentConfiguration);
  }
  if (in.healthCheckGracePeriodSeconds) {
    if (*in.healthCheckGracePeriodSeconds < 0) {
      throw shape::InvalidParameterException("healthCheckGracePeriodSeconds must not be negative.");
    }
    service.healthCheckGracePeriodSeconds = in.healthCheckGracePeriodSeconds;
  }
  if (in.availabilityZoneRebalancing) {
    service.availabilityZoneRebalancing = in.availabilityZoneRebalancing;
  }
}

}  // namespace

shape::UpdateServiceResponse update_service(Ecs&, aws::Context& c,
                                            const shape::UpdateServiceRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  const auto cluster_record = need_cluster(c, cluster);
  const std::string key =
      service_key(c.region, cluster, service_name(c, cluster, in.service.value_or("")));
  const auto found = services.get(*c.db, key);
  if (!found) throw shape::ServiceNotFoundException("Service not found.");
  if (found->service.status != "ACTIVE") {
    throw shape::ServiceNotActiveException("Service was not ACTIVE.");
  }
  refuse_unimplemented(in);
  ServiceRecord record = *found;
  const DeploymentRecord current = record.deployments.front();
  DeploymentRecord next = changed_revision(c, in, cluster_record->cluster, current);
  apply_settings(record.service, in);
  const bool task_settings = apply_task_settings(record.service, in);
  if (in.forceNewDeployment.value_or(false) || task_settings || !same_revision(current, next)) {
    next.state = new_deployment(c.now);
    record.deployments.insert(record.deployments.begin(), std::move(next));
    record.steady_reported_us.reset();
    show_primary(record);
  }
  services.put(*c.db, key, record);
  return {present(*c.db, record, true)};
}

}  // namespace slipway::ecs
