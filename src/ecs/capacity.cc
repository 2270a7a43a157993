// Capacity providers: where tasks run, by launch type or by a strategy of base and weight.
#include "ecs/cluster.h"

namespace slipway::ecs {
namespace {

void check_provider(const std::string& name) {
  if (name != "FARGATE" && name != "FARGATE_SPOT") {
    throw shape::InvalidParameterException(
        "The specified capacity provider was not found. Specify a valid name or ARN and try "
        "again.");
  }
}

}  // namespace

void set_providers(shape::Cluster& cluster, const std::vector<std::string>& providers,
                   const Strategy& strategy) {
  for (const auto& provider : providers) check_provider(provider);
  const Strategy checked = checked_strategy(strategy);
  for (const auto& item : checked) {
    if (std::find(providers.begin(), providers.end(), *item.capacityProvider) == providers.end()) {
      throw shape::InvalidParameterException(
          "The capacity provider strategy cannot contain a capacity provider that is not "
          "associated with the cluster.");
    }
  }
  cluster.capacityProviders = providers;
  cluster.defaultCapacityProviderStrategy = checked;
}

Strategy checked_strategy(const Strategy& strategy) {
  if (strategy.size() > 20) {
    throw shape::InvalidParameterException(
        "A capacity provider strategy may contain a maximum of 20 capacity providers.");
  }
  Strategy out = strategy;
  int bases = 0;
  int64_t weights = 0;
  for (auto& item : out) {
    item.capacityProvider = last_segment(item.capacityProvider.value_or(""));
    check_provider(*item.capacityProvider);
    if (!item.weight) item.weight = 0;
    if (!item.base) item.base = 0;
    if (*item.weight < 0 || *item.weight > 1000 || *item.base < 0 || *item.base > 100'000) {
      throw shape::InvalidParameterException(
          "Invalid capacity provider strategy: weight must be 0 to 1000, base 0 to 100000.");
    }
    if (*item.base > 0) ++bases;
    weights += *item.weight;
  }
  if (bases > 1) {
    throw shape::InvalidParameterException(
        "Only one capacity provider in a strategy may have a base defined.");
  }
  if (!out.empty() && weights == 0) {
    throw shape::InvalidParameterException(
        "At least one capacity provider in a strategy must have a weight greater than 0.");
  }
  return out;
}

Compute choose_compute(const shape::Cluster& cluster, const std::optional<std::string>& launch_type,
                       const std::optional<Strategy>& strategy) {
  const bool has_strategy = strategy && !strategy->empty();
  if (launch_type && has_strategy) {
    throw shape::InvalidParameterException(
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one "
        "and try again.");
  }
  if (launch_type) {
    if (*launch_type != "FARGATE" && *launch_type != "EC2") {
      throw shape::UnsupportedFeatureException("The launch type " + *launch_type +
                                               " is not implemented.");
    }
    return {*launch_type, {}};
  }
  if (has_strategy) {
    const Strategy checked = checked_strategy(*strategy);
    const auto known = cluster.capacityProviders.value_or(std::vector<std::string>());
    for (const auto& item : checked) {
      if (std::find(known.begin(), known.end(), *item.capacityProvider) == known.end()) {
        throw shape::InvalidParameterException(
            "The specified capacity provider is not associated with the cluster. Associate the "
            "capacity provider with the cluster and try again.");
      }
    }
    return {"FARGATE", checked};
  }
  const auto fallback = cluster.defaultCapacityProviderStrategy.value_or(Strategy());
  if (!fallback.empty()) return {"FARGATE", fallback};
  return {"EC2", {}};
}

std::string choose_provider(const Strategy& strategy, const std::map<std::string, int>& running) {
  const auto has = [&](const std::string& name) {
    const auto found = running.find(name);
    return found == running.end() ? 0 : found->second;
  };
  const shape::CapacityProviderStrategyItem* best = nullptr;
  double best_load = 0;
  for (const auto& item : strategy) {
    const int above_base = has(*item.capacityProvider) - item.base.value_or(0);
    if (above_base < 0) return *item.capacityProvider;
    if (item.weight.value_or(0) == 0) continue;
    const double load = static_cast<double>(above_base + 1) / *item.weight;
    if (best == nullptr || load < best_load) {
      best = &item;
      best_load = load;
    }
  }
  return best == nullptr ? std::string() : *best->capacityProvider;
}

shape::PutClusterCapacityProvidersResponse put_cluster_capacity_providers(
    Ecs&, aws::Context& c, const shape::PutClusterCapacityProvidersRequest& in) {
  const std::string name = cluster_name(in.cluster);
  ClusterRecord record = *need_cluster(c, name);
  const auto providers = in.capacityProviders.value_or(std::vector<std::string>());
  for (const auto& service : services.scan(*c.db, cluster_key(c.region, name) + "/")) {
    if (service->service.status == "INACTIVE") continue;
    for (const auto& item : service->service.capacityProviderStrategy.value_or(Strategy())) {
      if (std::find(providers.begin(), providers.end(), *item.capacityProvider) ==
          providers.end()) {
        throw shape::ResourceInUseException(
            "The specified capacity provider is in use and cannot be removed.");
      }
    }
  }
  set_providers(record.cluster, providers, in.defaultCapacityProviderStrategy.value_or(Strategy()));
  clusters.put(*c.db, cluster_key(c.region, name), record);
  return {present(c, record, everything())};
}

shape::DescribeCapacityProvidersResponse describe_capacity_providers(
    Ecs&, aws::Context& c, const shape::DescribeCapacityProvidersRequest& in) {
  shape::DescribeCapacityProvidersResponse out;
  out.capacityProviders.emplace();
  out.failures.emplace();
  auto wanted = in.capacityProviders.value_or(std::vector<std::string>());
  if (wanted.empty()) wanted = {"FARGATE", "FARGATE_SPOT"};
  for (const auto& reference : wanted) {
    const std::string name = last_segment(reference);
    const std::string arn = c.arn("ecs", "capacity-provider/" + name);
    if (name != "FARGATE" && name != "FARGATE_SPOT") {
      shape::Failure failure;
      failure.arn = arn;
      failure.reason = "MISSING";
      out.failures->push_back(failure);
      continue;
    }
    shape::CapacityProvider provider;
    provider.capacityProviderArn = arn;
    provider.name = name;
    provider.status = "ACTIVE";
    provider.type = name;
    provider.tags.emplace();
    out.capacityProviders->push_back(provider);
  }
  return out;
}

}  // namespace slipway::ecs
