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

}  // namespace

const std::optional<std::vector<std::string>>& everything() {
  static const std::optional<std::vector<std::string>> all{{"TAGS", "SETTINGS", "CONFIGURATIONS"}};
  return all;
}

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
    return {present(c, *existing, everything())};
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
  return {present(c, record, everything())};
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
  return {present(c, record, everything())};
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
  return {present(c, record, everything())};
}

shape::UpdateClusterSettingsResponse update_cluster_settings(
    Ecs& self, aws::Context& c, const shape::UpdateClusterSettingsRequest& in) {
  shape::UpdateClusterRequest update;
  update.cluster = in.cluster;
  update.settings = in.settings;
  return {update_cluster(self, c, update).cluster};
}

}  // namespace slipway::ecs
