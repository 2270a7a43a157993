#include "daemon/status.h"

#include "base/strings.h"
#include "codec/json.h"
#include "ecs/records.h"
#include "elb/model.h"

namespace slipway::daemon {

namespace {

std::string last_part(const std::string& arn) {
  return arn.substr(arn.rfind('/') + 1);
}

struct TaskCounts {
  int running = 0, pending = 0;
};

// By cluster, and by cluster/service.
std::map<std::string, TaskCounts> count_tasks(const store::Reader& db) {
  std::map<std::string, TaskCounts> counts;
  for (const auto& task : ecs::tasks.scan(db)) {
    const std::string status = task->task.lastStatus.value_or("");
    for (const auto& key : {task->cluster, task->cluster + "/" + task->service}) {
      if (status == "RUNNING") ++counts[key].running;
      if (status == "PROVISIONING" || status == "PENDING" || status == "ACTIVATING")
        ++counts[key].pending;
    }
  }
  return counts;
}

std::string words_for(const ecs::ServiceRecord& service, int running) {
  const std::string status = service.service.status.value_or("ACTIVE");
  if (status != "ACTIVE") return to_lower(status);
  if (service.deployments.size() > 1) return "deployment in progress";
  if (!service.deployments.empty() &&
      service.deployments[0].state.rollout == ecs::plan::Rollout::failed) {
    return "deployment failed";
  }
  return running == service.service.desiredCount.value_or(0) ? "steady" : "working on it";
}

Json services_of(const store::Reader& db, const std::string& cluster,
                 std::map<std::string, TaskCounts>& counts) {
  Json out = Json::array();
  for (const auto& record : ecs::services.scan(db)) {
    if (record->cluster != cluster || record->service.status.value_or("") == "INACTIVE") continue;
    const std::string name = record->service.serviceName.value_or("");
    const TaskCounts& tasks = counts[cluster + "/" + name];
    out.push_back(
        {{"name", name},
         {"desired", record->service.desiredCount.value_or(0)},
         {"running", tasks.running},
         {"pending", tasks.pending},
         {"task_definition", last_part(record->service.taskDefinition.value_or(""))},
         {"state", words_for(*record, tasks.running)},
         {"last_event", record->events.empty() ? "" : record->events[0].message.value_or("")}});
  }
  return out;
}

Json clusters_of(const store::Reader& db) {
  auto counts = count_tasks(db);
  Json out = Json::array();
  for (const auto& record : ecs::clusters.scan(db)) {
    if (record->cluster.status.value_or("") != "ACTIVE") continue;
    const std::string name = record->cluster.clusterName.value_or("");
    out.push_back({{"name", name},
                   {"running", counts[name].running},
                   {"pending", counts[name].pending},
                   {"services", services_of(db, name, counts)}});
  }
  return out;
}

Json target_groups_of(const store::Reader& db, const std::string& load_balancer) {
  Json out = Json::array();
  for (const auto& group : elb::target_groups.scan(db)) {
    const std::string arn = group->shape.TargetGroupArn.value_or("");
    const auto users = elb::users_of(db, arn);
    if (std::find(users.begin(), users.end(), load_balancer) == users.end()) continue;
    std::map<std::string, int> states;
    for (const auto& target : elb::targets.scan(db, elb::target_prefix(arn)))
      ++states[target->state];
    std::vector<std::string> words;
    for (const auto& [state, count] : states) words.push_back(fmt::format("{} {}", count, state));
    out.push_back({{"name", group->shape.TargetGroupName.value_or("")},
                   {"summary", words.empty() ? "no targets" : join(words, ", ")}});
  }
  return out;
}

Json load_balancers_of(const store::Reader& db) {
  Json out = Json::array();
  for (const auto& lb : elb::addresses(db)) {
    Json urls = Json::array();
    for (const uint16_t port : lb.ports) {
      urls.push_back(port == 80 ? fmt::format("http://{}/", lb.dns_name)
                                : fmt::format("http://{}:{}/", lb.dns_name, port));
    }
    out.push_back({{"name", lb.name},
                   {"state", lb.state},
                   {"reason", lb.reason},
                   {"address", lb.address},
                   {"dns_name", lb.dns_name},
                   {"urls", urls},
                   {"target_groups", target_groups_of(db, lb.arn)}});
  }
  return out;
}

}  // namespace

Json status_of(const Parts& parts) {
  Json out;
  out["problems"] = Json::array();
  parts.store->read([&](const store::Reader& db) {
    out["clusters"] = clusters_of(db);
    out["load_balancers"] = load_balancers_of(db);
  });
  for (const auto& lb : out["load_balancers"]) {
    if (const auto reason = lb.at("reason").get<std::string>(); !reason.empty()) {
      out["problems"].push_back(
          fmt::format("load balancer {}: {}", lb.at("name").get<std::string>(), reason));
    }
  }
  const auto containers = parts.engine.list();
  int running = 0;
  for (const auto& one : containers)
    running += one.state.status == container::Status::running ? 1 : 0;
  out["containers"] = containers.size();
  out["containers_running"] = running;
  out["images"] = parts.images.list().size();
  out["runtime"] = parts.engine.runtime();
  return out;
}

}  // namespace slipway::daemon
