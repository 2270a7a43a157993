// Task definitions: registered once, never changed, counted in revisions per family.
#pragma once
#include "ecs/api.h"
#include "ecs/names.h"

namespace slipway::ecs {

shape::RegisterTaskDefinitionResponse register_task_definition(
    Ecs& self, aws::Context& c, const shape::RegisterTaskDefinitionRequest& in);
shape::DescribeTaskDefinitionResponse describe_task_definition(
    Ecs& self, aws::Context& c, const shape::DescribeTaskDefinitionRequest& in);
shape::DeregisterTaskDefinitionResponse deregister_task_definition(
    Ecs& self, aws::Context& c, const shape::DeregisterTaskDefinitionRequest& in);
shape::DeleteTaskDefinitionsResponse delete_task_definitions(
    Ecs& self, aws::Context& c, const shape::DeleteTaskDefinitionsRequest& in);
shape::ListTaskDefinitionsResponse list_task_definitions(
    Ecs& self, aws::Context& c, const shape::ListTaskDefinitionsRequest& in);
shape::ListTaskDefinitionFamiliesResponse list_task_definition_families(
    Ecs& self, aws::Context& c, const shape::ListTaskDefinitionFamiliesRequest& in);

// True while a task that has not stopped or a service that is not inactive refers to it.
bool definition_in_use(const store::Reader& db, const std::string& region, const std::string& arn);

// --- validate_task_definition.cc: pure ---

// The definition as AWS stores it (defaults filled in, sizes as integers, empty lists present), or
// throws ClientException with AWS's text. Without ARN, revision, status, times.
shape::TaskDefinition normalised(const shape::RegisterTaskDefinitionRequest& in);
// "1 vCPU", ".5 vcpu", "1024" -> CPU units; "2GB", "2048" -> MiB; nullopt when malformed.
std::optional<int64_t> parse_cpu(std::string_view text);
std::optional<int64_t> parse_memory(std::string_view text);
bool valid_fargate_size(int64_t cpu, int64_t memory_mib);
// requiresAttributes, as an EC2 instance would have to offer them.
std::vector<shape::Attribute> required_attributes(const shape::TaskDefinition& definition);

}  // namespace slipway::ecs
