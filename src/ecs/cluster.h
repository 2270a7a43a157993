// Clusters and the capacity providers they use.
#pragma once
#include "ecs/api.h"
#include "ecs/names.h"

namespace slipway::ecs {

shape::CreateClusterResponse create_cluster(Ecs& self, aws::Context& c,
                                            const shape::CreateClusterRequest& in);
shape::DescribeClustersResponse describe_clusters(Ecs& self, aws::Context& c,
                                                  const shape::DescribeClustersRequest& in);
shape::ListClustersResponse list_clusters(Ecs& self, aws::Context& c,
                                          const shape::ListClustersRequest& in);
shape::DeleteClusterResponse delete_cluster(Ecs& self, aws::Context& c,
                                            const shape::DeleteClusterRequest& in);
shape::UpdateClusterResponse update_cluster(Ecs& self, aws::Context& c,
                                            const shape::UpdateClusterRequest& in);
shape::UpdateClusterSettingsResponse update_cluster_settings(
    Ecs& self, aws::Context& c, const shape::UpdateClusterSettingsRequest& in);
shape::PutClusterCapacityProvidersResponse put_cluster_capacity_providers(
    Ecs& self, aws::Context& c, const shape::PutClusterCapacityProvidersRequest& in);
shape::DescribeCapacityProvidersResponse describe_capacity_providers(
    Ecs& self, aws::Context& c, const shape::DescribeCapacityProvidersRequest& in);

// As the API shows it; include as in DescribeClusters.
shape::Cluster present(const aws::Context& c, const ClusterRecord& record,
                       const std::optional<std::vector<std::string>>& include);
const std::optional<std::vector<std::string>>& everything();

// --- capacity.cc ---

using Strategy = std::vector<shape::CapacityProviderStrategyItem>;
// Weights and bases as AWS wants them, providers known; fills in the defaults.
Strategy checked_strategy(const Strategy& strategy);

// Both lists replaced; every provider of the strategy must be among the providers.
void set_providers(shape::Cluster& cluster, const std::vector<std::string>& providers,
                   const Strategy& strategy);

// Where tasks are to run: a launch type, or the strategy that stands in its place.
struct Compute {
  std::string launch_type;  // what the tasks get: FARGATE or EC2
  Strategy strategy;        // empty: by launch type
};
Compute choose_compute(const shape::Cluster& cluster, const std::optional<std::string>& launch_type,
                       const std::optional<Strategy>& strategy);
// The provider of the next task, by base and weight, given how many each has already.
std::string choose_provider(const Strategy& strategy, const std::map<std::string, int>& running);

}  // namespace slipway::ecs
