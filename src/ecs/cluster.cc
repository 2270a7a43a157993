#include "ecs/cluster.h"

#include "aws/page.h"
#include "base/strings.h"

namespace slipway::ecs {
namespace {

struct Counts {
  int32_t running = 0, pending = 0, services = 0;
  std::map<std::string, int32_t> by_name;  // statistics
};

Counts count(const store::Reader& db, const std::string& region, const std::string& cluster) {
  Counts out;
  for (const auto& task : tasks.scan(db, cluster_key(region, cluster) + "/")) {
    const std::string type = task->task.launchType == "FARGATE" ? "Fargate" : "EC2";
    const std::string status = task->task.lastStatus.value_or("");
    if (status == "RUNNING") {
      ++out.running;
      ++out.by_name["running" + type + "TasksCount"];
    } else if (status == "PROVISIONING" || status == "PENDING" || status == "ACTIVATING") {
      ++out.pending;
      ++out.by_name["pending" + type + "TasksCount"];
    }
  }
  for (const auto& service : services.scan(db, cluster_key(region, cluster) + "/")) {
    const std::string type = service->service.launchType == "EC2" ? "EC2" : "Fargate";
    if (service->service.status == "ACTIVE") {
      ++out.services;
      ++out.by_name["active" + type + "ServiceCount"];
    } else if (service->service.status == "DRAINING") {
      ++out.by_name["draining" + type + "ServiceCount"];
    }
  }
  return out;
}

bool wants(const std::optional<std::vector<std::string>>& include, std::string_view field) {
  return include && std::find(include->begin(), include->end(), field) != include->end();
}

constexpr std::array statistic_names = {"runningEC2TasksCount",    "runningFargateTasksCount",
                                        "pendingEC2TasksCount",    "pendingFargateTasksCount",
                                        "activeEC2ServiceCount",   "activeFargateServiceCount",
                                        "drainingEC2ServiceCount", "drainingFargateServiceCount"};

shape::Cluster present(const aws::Context& c, const ClusterRecord& record,
                       const std::optional<std::vector<std::string>>& include) {
  shape::Cluster out = record.cluster;
  const Counts counts = count(*c.db, c.region, *out.clusterName);
  out.registeredContainerInstancesCount = 0;
  out.runningTasksCount = counts.running;
  out.pendingTasksCount = counts.pending;
  out.activeServicesCount = counts.services;
  out.statistics.emplace();
  if (wants(include, "STATISTICS")) {
    for (const char* name : statistic_names) {
      const auto found = counts.by_name.find(name);
      shape::KeyValuePair pair;
      pair.name = name;
      pair.value = std::to_string(found == counts.by_name.end() ? 0 : found->second);
      out.statistics->push_back(pair);
    }
  }
  if (!wants(include, "TAGS")) out.tags.emplace();
  if (!wants(include, "SETTINGS")) out.settings.emplace();
  if (!wants(include, "CONFIGURATIONS")) out.configuration.reset();
  return out;
}

const std::optional<std::vector<std::string>> everything{{"TAGS", "SETTINGS", "CONFIGURATIONS"}};

std::vector<shape::ClusterSetting> merged_settings(
    std::vector<shape::ClusterSetting> old, const std::vector<shape::ClusterSetting>& changes) {
  for (const auto& change : changes) {
    const std::string value = change.value.value_or("");
    if (change.name != "containerInsights" ||
        (value != "enabled" && value != "disabled" && value != "enhanced")) {
      throw shape::InvalidParameterException(
          "Invalid cluster setting: only containerInsights with the value enabled, enhanced or "
          "disabled is known.");
    }
    auto same = std::find_if(old.begin(), old.end(),
                             [&](const auto& setting) { return setting.name == change.name; });
    if (same == old.end()) {
      old.push_back(change);
    } else {
      *same = change;
    }
  }
  return old;
}

void check_provider(const std::string& name) {
  if (name != "FARGATE" && name != "FARGATE_SPOT") {
    throw shape::InvalidParameterException(
        "The specified capacity provider was not found. Specify a valid name or ARN and try "
        "again.");
  }
}

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

}  // namespace

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

shape::CreateClusterResponse create_cluster(Ecs&, aws::Context& c,
                                            const shape::CreateClusterRequest& in) {
  const std::string name = in.clusterName.value_or("default");
  if (!valid_name(name)) {
    throw shape::InvalidParameterException(
        "Cluster names must have 1 to 255 letters, numbers, hyphens or underscores.");
  }
  const std::string key = cluster_key(c.region, name);
  const auto existing = clusters.get(*c.db, key);
  if (existing && existing->cluster.status == "ACTIVE") {
    return {present(c, *existing, everything)};
  }
  ClusterRecord record;
  auto& cluster = record.cluster;
  cluster.clusterName = name;
  cluster.clusterArn = c.arn("ecs", "cluster/" + name);
  cluster.status = "ACTIVE";
  cluster.tags = in.tags.value_or(Tags());
  check_tags(*cluster.tags);
  shape::ClusterSetting insights;
  insights.name = "containerInsights";
  insights.value = "disabled";
  cluster.settings =
      merged_settings({insights}, in.settings.value_or(std::vector<shape::ClusterSetting>()));
  cluster.configuration = in.configuration;
  set_providers(cluster, in.capacityProviders.value_or(std::vector<std::string>()),
                in.defaultCapacityProviderStrategy.value_or(Strategy()));
  if (in.serviceConnectDefaults) {
    throw shape::UnsupportedFeatureException("serviceConnectDefaults is not implemented.");
  }
  clusters.put(*c.db, key, record);
  return {present(c, record, everything)};
}

shape::DescribeClustersResponse describe_clusters(Ecs&, aws::Context& c,
                                                  const shape::DescribeClustersRequest& in) {
  shape::DescribeClustersResponse out;
  out.clusters.emplace();
  out.failures.emplace();
  auto wanted = in.clusters.value_or(std::vector<std::string>());
  if (wanted.empty()) wanted = {"default"};
  if (wanted.size() > 100) {
    throw shape::InvalidParameterException("Clusters cannot have more than 100 elements.");
  }
  for (const auto& reference : wanted) {
    const std::string name = cluster_name(reference);
    if (const auto record = clusters.get(*c.db, cluster_key(c.region, name))) {
      out.clusters->push_back(present(c, *record, in.include));
    } else {
      shape::Failure failure;
      failure.arn = c.arn("ecs", "cluster/" + name);
      failure.reason = "MISSING";
      out.failures->push_back(failure);
    }
  }
  return out;
}

shape::ListClustersResponse list_clusters(Ecs&, aws::Context& c,
                                          const shape::ListClustersRequest& in) {
  std::vector<std::string> arns;
  for (const auto& record : clusters.scan(*c.db, c.region + "/")) {
    if (record->cluster.status == "ACTIVE") arns.push_back(*record->cluster.clusterArn);
  }
  std::sort(arns.begin(), arns.end());
  auto page = aws::paginate(
      "ecs.clusters", arns, [](const auto& arn) { return arn; }, in.nextToken,
      page_size(in.maxResults, 100));
  shape::ListClustersResponse out;
  out.clusterArns = std::move(page.items);
  out.nextToken = page.next;
  return out;
}

shape::DeleteClusterResponse delete_cluster(Ecs&, aws::Context& c,
                                            const shape::DeleteClusterRequest& in) {
  const std::string name = cluster_name(in.cluster);
  ClusterRecord record = *need_cluster(c, name);
  for (const auto& service : services.scan(*c.db, cluster_key(c.region, name) + "/")) {
    if (service->service.status == "ACTIVE" || service->service.status == "DRAINING") {
      throw shape::ClusterContainsServicesException(
          "The Cluster cannot be deleted while Services are active.");
    }
  }
  for (const auto& task : tasks.scan(*c.db, cluster_key(c.region, name) + "/")) {
    if (task->task.lastStatus != "STOPPED") {
      throw shape::ClusterContainsTasksException(
          "The Cluster cannot be deleted while Tasks are active.");
    }
  }
  record.cluster.status = "INACTIVE";
  record.inactive_since_us = to_us(c.now);
  clusters.put(*c.db, cluster_key(c.region, name), record);
  return {present(c, record, everything)};
}

shape::UpdateClusterResponse update_cluster(Ecs&, aws::Context& c,
                                            const shape::UpdateClusterRequest& in) {
  const std::string name = cluster_name(in.cluster);
  ClusterRecord record = *need_cluster(c, name);
  if (in.serviceConnectDefaults) {
    throw shape::UnsupportedFeatureException("serviceConnectDefaults is not implemented.");
  }
  if (in.settings) {
    record.cluster.settings = merged_settings(
        record.cluster.settings.value_or(std::vector<shape::ClusterSetting>()), *in.settings);
  }
  if (in.configuration) record.cluster.configuration = in.configuration;
  clusters.put(*c.db, cluster_key(c.region, name), record);
  return {present(c, record, everything)};
}

shape::UpdateClusterSettingsResponse update_cluster_settings(
    Ecs& self, aws::Context& c, const shape::UpdateClusterSettingsRequest& in) {
  shape::UpdateClusterRequest update;
  update.cluster = in.cluster;
  update.settings = in.settings;
  return {update_cluster(self, c, update).cluster};
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
  return {present(c, record, everything)};
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
