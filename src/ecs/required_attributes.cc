// requiresAttributes: what an EC2 instance would have to offer for a task definition. Pure.
#include "ecs/task_definition.h"

namespace slipway::ecs {

std::vector<shape::Attribute> required_attributes(const shape::TaskDefinition& definition) {
  std::set<std::string> names;
  names.insert("com.amazonaws.ecs.capability.docker-remote-api.1.18");
  const bool role = definition.executionRoleArn.has_value();
  if (definition.taskRoleArn) names.insert("com.amazonaws.ecs.capability.task-iam-role");
  if (definition.networkMode == "awsvpc") names.insert("ecs.capability.task-eni");
  for (const auto& container : *definition.containerDefinitions) {
    if (container.image->find(".dkr.ecr.") != std::string::npos) {
      names.insert("com.amazonaws.ecs.capability.ecr-auth");
      names.insert("com.amazonaws.ecs.capability.docker-remote-api.1.19");
      if (role) names.insert("ecs.capability.execution-role-ecr-pull");
    }
    if (container.logConfiguration && container.logConfiguration->logDriver == "awslogs") {
      names.insert("com.amazonaws.ecs.capability.logging-driver.awslogs");
      names.insert("com.amazonaws.ecs.capability.docker-remote-api.1.19");
      if (role) names.insert("ecs.capability.execution-role-awslogs");
    }
    if (container.dependsOn && !container.dependsOn->empty()) {
      names.insert("ecs.capability.container-ordering");
    }
    if (container.healthCheck) names.insert("ecs.capability.container-health-check");
    for (const auto& secret : container.secrets.value_or(std::vector<shape::Secret>())) {
      const bool manager =
          secret.valueFrom.value_or("").find(":secretsmanager:") != std::string::npos;
      names.insert(manager ? "ecs.capability.secrets.asm.environment-variables"
                           : "ecs.capability.secrets.ssm.environment-variables");
    }
  }
  std::vector<shape::Attribute> out;
  for (const auto& name : names) {
    shape::Attribute attribute;
    attribute.name = name;
    out.push_back(attribute);
  }
  return out;
}

}  // namespace slipway::ecs
