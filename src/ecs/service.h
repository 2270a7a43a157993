// Services: a wanted number of tasks of a task definition, kept and rolled by loop_service.cc.
#pragma once
#include "ecs/api.h"
#include "ecs/cluster.h"
#include "ecs/names.h"

namespace slipway::ecs {

shape::CreateServiceResponse create_service(Ecs& self, aws::Context& c,
                                            const shape::CreateServiceRequest& in);
shape::UpdateServiceResponse update_service(Ecs& self, aws::Context& c,
                                            const shape::UpdateServiceRequest& in);
shape::DeleteServiceResponse delete_service(Ecs& self, aws::Context& c,
                                            const shape::DeleteServiceRequest& in);
shape::DescribeServicesResponse describe_services(Ecs& self, aws::Context& c,
                                                  const shape::DescribeServicesRequest& in);
shape::ListServicesResponse list_services(Ecs& self, aws::Context& c,
                                          const shape::ListServicesRequest& in);

// --- service_present.cc ---

// With deployments, counts and events as they are in the transaction.
shape::Service present(const store::Reader& db, const ServiceRecord& record, bool with_tags);
// The name in a service reference; an ARN must be of the cluster that was asked for.
std::string service_name(const aws::Context& c, const std::string& cluster,
                         const std::string& reference);
// Makes service.taskDefinition, networkConfiguration, ... those of the primary deployment.
void show_primary(ServiceRecord& record);
// Adds an event (the newest is first, 100 are kept).
void add_event(ServiceRecord& record, const std::string& message, TimePoint now);
plan::Deployment new_deployment(TimePoint now);

// --- validate_service.cc ---

std::vector<shape::LoadBalancer> checked_load_balancers(
    const store::Reader& db, const std::vector<shape::LoadBalancer>& load_balancers,
    const shape::TaskDefinition& definition);
shape::DeploymentConfiguration checked_deployment_configuration(
    const std::optional<shape::DeploymentConfiguration>& given,
    const shape::DeploymentConfiguration& before);
// For the service's task definition: awsvpc needs one, other modes must not have one.
std::optional<shape::NetworkConfiguration> checked_network(
    const store::Reader& db, const std::optional<shape::NetworkConfiguration>& given,
    const shape::TaskDefinition& definition);
std::shared_ptr<const TaskDefinitionRecord> need_active_definition(const aws::Context& c,
                                                                   const std::string& reference);
void refuse_unimplemented(const shape::CreateServiceRequest& in);
void refuse_unimplemented(const shape::UpdateServiceRequest& in);
int32_t checked_count(int32_t desired);

}  // namespace slipway::ecs
