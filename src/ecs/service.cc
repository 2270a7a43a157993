#include "ecs/service.h"

#include "aws/page.h"
#include "codec/hash.h"
#include "ecs/task.h"

namespace slipway::ecs {
namespace {

shape::DeploymentConfiguration default_configuration() {
  shape::DeploymentConfiguration out;
  shape::DeploymentCircuitBreaker breaker;
  breaker.enable = false;
  breaker.rollback = false;
  out.deploymentCircuitBreaker = breaker;
  out.maximumPercent = 200;
  out.minimumHealthyPercent = 100;
  out.strategy = "ROLLING";
  out.bakeTimeInMinutes = 0;
  return out;
}

DeploymentRecord first_deployment(const aws::Context& c, const shape::CreateServiceRequest& in,
                                  const shape::TaskDefinition& definition, const Compute& compute) {
  DeploymentRecord out;
  out.state = new_deployment(c.now);
  out.task_definition = *definition.taskDefinitionArn;
  out.network = checked_network(*c.db, in.networkConfiguration, definition);
  out.load_balancers = checked_load_balancers(
      *c.db, in.loadBalancers.value_or(std::vector<shape::LoadBalancer>()), definition);
  out.launch_type = compute.launch_type;
  out.strategy = compute.strategy;
  out.platform_version = in.platformVersion.value_or("LATEST");
  if (out.platform_version != "LATEST" && out.platform_version != "1.4.0") {
    throw shape::PlatformUnknownException("The specified platform version does not exist.");
  }
  return out;
}

ServiceRecord make_service(const aws::Context& c, const shape::CreateServiceRequest& in,
                           const std::string& cluster, DeploymentRecord deployment) {
  ServiceRecord record;
  record.region = c.region;
  record.account = c.account;
  record.cluster = cluster;
  auto& service = record.service;
  service.serviceName = in.serviceName;
  service.serviceArn =
      c.arn("ecs", fmt::format("service/{}/{}", cluster, in.serviceName.value_or("")));
  service.clusterArn = c.arn("ecs", "cluster/" + cluster);
  service.status = "ACTIVE";
  service.desiredCount = checked_count(*in.desiredCount);
  service.serviceRegistries.emplace();
  service.deploymentConfiguration =
      checked_deployment_configuration(in.deploymentConfiguration, default_configuration());
  service.deploymentController.emplace().type = "ECS";
  service.createdAt = c.now;
  service.createdBy = c.principal_arn;
  service.roleArn = fmt::format(
      "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", c.account);
  service.placementConstraints = in.placementConstraints;
  if (!service.placementConstraints) service.placementConstraints.emplace();
  service.placementStrategy = in.placementStrategy;
  if (!service.placementStrategy) service.placementStrategy.emplace();
  service.healthCheckGracePeriodSeconds = in.healthCheckGracePeriodSeconds.value_or(0);
  service.schedulingStrategy = "REPLICA";
  service.tags = in.tags.value_or(Tags());
  check_tags(*service.tags);
  service.enableECSManagedTags = in.enableECSManagedTags.value_or(false);
  service.propagateTags = in.propagateTags.value_or("NONE");
  service.enableExecuteCommand = in.enableExecuteCommand.value_or(false);
  service.availabilityZoneRebalancing = in.availabilityZoneRebalancing.value_or("ENABLED");
  record.deployments = {std::move(deployment)};
  record.client_token = in.clientToken.value_or("");
  record.request_digest = sha256_hex(nlohmann::json(in).dump());
  show_primary(record);
  return record;
}

void check_placement(const shape::CreateServiceRequest& in, const Compute& compute) {
  if (compute.launch_type != "FARGATE") return;
  if (in.placementStrategy && !in.placementStrategy->empty()) {
    throw shape::InvalidParameterException(
        "Placement strategies are not supported with FARGATE launch type.");
  }
  if (in.placementConstraints && !in.placementConstraints->empty()) {
    throw shape::InvalidParameterException(
        "Placement constraints are not supported with FARGATE launch type.");
  }
}

bool wants_tags(const std::optional<std::vector<std::string>>& include) {
  return include && std::find(include->begin(), include->end(), "TAGS") != include->end();
}

}  // namespace

shape::CreateServiceResponse create_service(Ecs&, aws::Context& c,
                                            const shape::CreateServiceRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  const auto cluster_record = need_cluster(c, cluster);
  const std::string name = in.serviceName.value_or("");
  if (!valid_name(name)) {
    throw shape::InvalidParameterException(
        "Service names must have 1 to 255 letters, numbers, hyphens or underscores.");
  }
  const std::string key = service_key(c.region, cluster, name);
  const auto existing = services.get(*c.db, key);
  if (existing && existing->service.status != "INACTIVE") {
    if (in.clientToken && existing->client_token == *in.clientToken &&
        existing->request_digest == sha256_hex(nlohmann::json(in).dump())) {
      return {present(*c.db, *existing, true)};
    }
    throw shape::InvalidParameterException("Creation of service was not idempotent.");
  }
  refuse_unimplemented(in);
  if (!in.desiredCount) {
    throw shape::InvalidParameterException(
        "desiredCount is required for services with the scheduling strategy REPLICA.");
  }
  const auto definition = need_active_definition(c, in.taskDefinition.value_or(""));
  const Compute compute =
      choose_compute(cluster_record->cluster, in.launchType, in.capacityProviderStrategy);
  check_compatible(definition->definition, compute.launch_type);
  check_placement(in, compute);
  const ServiceRecord record =
      make_service(c, in, cluster, first_deployment(c, in, definition->definition, compute));
  services.put(*c.db, key, record);
  return {present(*c.db, record, true)};
}

shape::DeleteServiceResponse delete_service(Ecs&, aws::Context& c,
                                            const shape::DeleteServiceRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  const std::string key =
      service_key(c.region, cluster, service_name(c, cluster, in.service.value_or("")));
  const auto found = services.get(*c.db, key);
  if (!found || found->service.status == "INACTIVE") {
    throw shape::ServiceNotFoundException("Service not found.");
  }
  ServiceRecord record = *found;
  if (record.service.status == "ACTIVE") {
    if (*record.service.desiredCount > 0 && !in.force.value_or(false)) {
      throw shape::InvalidParameterException(
          "The service cannot be stopped while it is scaled above 0.");
    }
    record.service.status = "DRAINING";
    record.service.desiredCount = 0;
    services.put(*c.db, key, record);
  }
  return {present(*c.db, record, true)};
}

shape::DescribeServicesResponse describe_services(Ecs&, aws::Context& c,
                                                  const shape::DescribeServicesRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  const auto wanted = in.services.value_or(std::vector<std::string>());
  if (wanted.empty()) throw shape::InvalidParameterException("Services cannot be empty.");
  if (wanted.size() > 10) {
    throw shape::InvalidParameterException("Services cannot have more than 10 elements.");
  }
  shape::DescribeServicesResponse out;
  out.services.emplace();
  out.failures.emplace();
  for (const auto& reference : wanted) {
    const std::string name = service_name(c, cluster, reference);
    if (const auto record = services.get(*c.db, service_key(c.region, cluster, name))) {
      out.services->push_back(present(*c.db, *record, wants_tags(in.include)));
    } else {
      shape::Failure failure;
      failure.arn = c.arn("ecs", fmt::format("service/{}/{}", cluster, name));
      failure.reason = "MISSING";
      out.failures->push_back(failure);
    }
  }
  return out;
}

shape::ListServicesResponse list_services(Ecs&, aws::Context& c,
                                          const shape::ListServicesRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  std::vector<std::string> arns;
  for (const auto& record : services.scan(*c.db, cluster_key(c.region, cluster) + "/")) {
    const auto& service = record->service;
    if (service.status != "ACTIVE" ||
        (in.launchType && record->deployments.front().launch_type != *in.launchType) ||
        (in.schedulingStrategy && service.schedulingStrategy != in.schedulingStrategy)) {
      continue;
    }
    arns.push_back(*service.serviceArn);
  }
  auto page = aws::paginate(
      "ecs.services", arns, [](const auto& arn) { return arn; }, in.nextToken,
      page_size(in.maxResults, 10));
  shape::ListServicesResponse out;
  out.serviceArns = std::move(page.items);
  out.nextToken = page.next;
  return out;
}

}  // namespace slipway::ecs
