// The rules of a single container of a task definition; part of validate_task_definition.cc, apart
// for size. Each throws ClientException with AWS's text.
#pragma once
#include "ecs/task_definition.h"

namespace slipway::ecs {

[[noreturn]] void refuse(const std::string& message);  // ClientException

// Name and image there; defaults and empty lists filled in.
void normalise(shape::ContainerDefinition& container);
void check_ports(shape::ContainerDefinition& container, const std::string& network_mode);
void check_health(shape::ContainerDefinition& container);
void check_log(const shape::ContainerDefinition& container, bool fargate, bool has_role);
void check_fargate_container(const shape::ContainerDefinition& container);

}  // namespace slipway::ecs
