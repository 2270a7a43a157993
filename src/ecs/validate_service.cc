// What CreateService and UpdateService refuse, with AWS's texts, and the defaults they fill in.
#include "ecs/service.h"
#include "ecs/task.h"
#include "elb/targets.h"

namespace slipway::ecs {
namespace {

[[noreturn]] void refuse_parameter(const std::string& message) {
  throw shape::InvalidParameterException(message);
}

template <typename List>
bool filled(const std::optional<List>& list) {
  return list && !list->empty();
}

void unsupported(bool present, const char* what) {
  if (present) {
    throw shape::UnsupportedFeatureException(std::string(what) + " is not implemented.");
  }
}

template <typename Request>
void refuse_unimplemented_members(const Request& in) {
  unsupported(in.deploymentController && in.deploymentController->type != "ECS",
              "A deployment controller other than ECS");
  unsupported(filled(in.serviceRegistries), "serviceRegistries");
  unsupported(
      in.serviceConnectConfiguration && in.serviceConnectConfiguration->enabled.value_or(false),
      "serviceConnectConfiguration");
  unsupported(filled(in.volumeConfigurations), "volumeConfigurations");
  unsupported(filled(in.vpcLatticeConfigurations), "vpcLatticeConfigurations");
}

void check_target_group(const store::Reader& db, const std::string& arn,
                        const std::string& network_mode) {
  if (!elb::target_group_exists(db, arn)) {
    refuse_parameter("The specified target group does not exist: " + arn);
  }
  if (!elb::target_group_in_use(db, arn)) {
    refuse_parameter("The target group with targetGroupArn " + arn +
                     " does not have an associated load balancer.");
  }
  const bool awsvpc = network_mode == "awsvpc";
  const std::string type = elb::target_group_type(db, arn);
  if (type != (awsvpc ? "ip" : "instance")) {
    refuse_parameter(
        fmt::format("The provided target group {} has target type {}, which is incompatible "
                    "with the {} network mode specified in the task definition.",
                    arn, type, network_mode));
  }
}

}  // namespace

void refuse_unimplemented(const shape::CreateServiceRequest& in) {
  refuse_unimplemented_members(in);
  if (in.schedulingStrategy == "DAEMON") {
    if (in.launchType == "FARGATE") {
      refuse_parameter(
          "The daemon scheduling strategy is not supported when using the Fargate launch type.");
    }
    unsupported(true, "The daemon scheduling strategy");
  }
}

void refuse_unimplemented(const shape::UpdateServiceRequest& in) {
  refuse_unimplemented_members(in);
}

int32_t checked_count(int32_t desired) {
  if (desired < 0 || desired > 5000) {
    refuse_parameter("desiredCount must be between 0 and 5000.");
  }
  return desired;
}

std::shared_ptr<const TaskDefinitionRecord> need_active_definition(const aws::Context& c,
                                                                   const std::string& reference) {
  if (reference.empty()) refuse_parameter("TaskDefinition can not be blank.");
  auto found = find_definition(*c.db, c.region, reference);
  if (!found) throw shape::ClientException("TaskDefinition not found.");
  if (found->definition.status != "ACTIVE") {
    throw shape::ClientException("TaskDefinition is inactive");
  }
  return found;
}

std::vector<shape::LoadBalancer> checked_load_balancers(
    const store::Reader& db, const std::vector<shape::LoadBalancer>& load_balancers,
    const shape::TaskDefinition& definition) {
  if (load_balancers.size() > 5) refuse_parameter("load balancers can have at most 5 items.");
  for (const auto& entry : load_balancers) {
    unsupported(entry.loadBalancerName && !entry.loadBalancerName->empty(),
                "A Classic Load Balancer (loadBalancerName)");
    unsupported(entry.advancedConfiguration.has_value(), "advancedConfiguration");
    const std::string arn = entry.targetGroupArn.value_or("");
    if (arn.empty()) refuse_parameter("targetGroupArn cannot be blank.");
    const std::string name = entry.containerName.value_or("");
    const int32_t port = entry.containerPort.value_or(0);
    const auto& containers = *definition.containerDefinitions;
    const auto container = std::find_if(containers.begin(), containers.end(),
                                        [&](const auto& c) { return c.name == name; });
    if (container == containers.end()) {
      refuse_parameter("The container " + name + " does not exist in the task definition.");
    }
    const auto& ports = *container->portMappings;
    if (std::none_of(ports.begin(), ports.end(),
                     [&](const auto& p) { return p.containerPort == port; })) {
      refuse_parameter(
          fmt::format("The container {} did not have a container port {} defined.", name, port));
    }
    check_target_group(db, arn, definition.networkMode.value_or("bridge"));
  }
  return load_balancers;
}

shape::DeploymentConfiguration checked_deployment_configuration(
    const std::optional<shape::DeploymentConfiguration>& given,
    const shape::DeploymentConfiguration& before) {
  shape::DeploymentConfiguration out = before;
  if (given) {
    unsupported(given->strategy && given->strategy != "ROLLING",
                "A deployment strategy other than ROLLING");
    unsupported(given->alarms && given->alarms->enable.value_or(false), "Deployment alarms");
    unsupported(filled(given->lifecycleHooks), "Deployment lifecycle hooks");
    if (given->deploymentCircuitBreaker) {
      out.deploymentCircuitBreaker = given->deploymentCircuitBreaker;
    }
    if (given->maximumPercent) out.maximumPercent = given->maximumPercent;
    if (given->minimumHealthyPercent) out.minimumHealthyPercent = given->minimumHealthyPercent;
  }
  const int32_t low = *out.minimumHealthyPercent;
  const int32_t high = *out.maximumPercent;
  if (low < 0 || high < 100 || high > 100'000) {
    refuse_parameter(
        "minimumHealthyPercent must not be negative and maximumPercent must be at least 100.");
  }
  if (low == 100 && high == 100) {
    refuse_parameter(
        "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
        "deployments.");
  }
  if (low > 100 || low > high) {
    refuse_parameter("minimumHealthyPercent must not exceed 100 or maximumPercent.");
  }
  return out;
}

std::optional<shape::NetworkConfiguration> checked_network(
    const store::Reader& db, const std::optional<shape::NetworkConfiguration>& given,
    const shape::TaskDefinition& definition) {
  if (definition.networkMode != "awsvpc") {
    if (given && given->awsvpcConfiguration) {
      refuse_parameter(
          "Network Configuration is not valid for the given networkMode of this task "
          "definition.");
    }
    return std::nullopt;
  }
  check_network(db, given);
  shape::NetworkConfiguration out = *given;
  auto& vpc = *out.awsvpcConfiguration;
  if (!vpc.securityGroups) vpc.securityGroups.emplace();
  if (!vpc.assignPublicIp) vpc.assignPublicIp = "DISABLED";
  return out;
}

}  // namespace slipway::ecs
