#include "ecs/records.h"

#include <fmt/format.h>

#include "base/error.h"

namespace slipway::ecs {

namespace {
plan::Rollout rollout_of(const std::string& text) {
  if (text == "COMPLETED") return plan::Rollout::completed;
  if (text == "FAILED") return plan::Rollout::failed;
  return plan::Rollout::in_progress;
}
}  // namespace

const char* rollout_text(plan::Rollout rollout) {
  switch (rollout) {
    case plan::Rollout::in_progress:
      return "IN_PROGRESS";
    case plan::Rollout::completed:
      return "COMPLETED";
    case plan::Rollout::failed:
      return "FAILED";
  }
  return "IN_PROGRESS";
}

shape::Tag tag(const char* key, const std::string& value) {
  shape::Tag out;
  out.key = key;
  out.value = value;
  return out;
}

namespace plan {

void to_json(nlohmann::json& j, const Deployment& d) {
  j = {{"id", d.id},
       {"rollout", rollout_text(d.rollout)},
       {"reason", d.reason},
       {"created", to_us(d.created)},
       {"updated", to_us(d.updated)},
       {"failed_tasks", d.failed_tasks},
       {"reached_running", d.reached_running},
       {"rollback", d.rollback},
       {"backoff_step", d.backoff_step},
       {"backoff_since", to_us(d.backoff_since)},
       {"backoff_delay", d.backoff_delay.count()}};
}

void from_json(const nlohmann::json& j, Deployment& d) {
  d.id = j.at("id").get<std::string>();
  d.rollout = rollout_of(j.value("rollout", std::string()));
  d.reason = j.value("reason", std::string());
  d.created = from_us(j.value("created", int64_t{0}));
  d.updated = from_us(j.value("updated", int64_t{0}));
  d.failed_tasks = j.value("failed_tasks", 0);
  d.reached_running = j.value("reached_running", false);
  d.rollback = j.value("rollback", false);
  d.backoff_step = j.value("backoff_step", 0);
  d.backoff_since = from_us(j.value("backoff_since", int64_t{0}));
  d.backoff_delay = microseconds(j.value("backoff_delay", int64_t{0}));
}

}  // namespace plan

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DeploymentRecord, state, task_definition, network,
                                                load_balancers, launch_type, strategy,
                                                platform_version)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(TaskTarget, group, container, port)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Interface, id, mac, ip, subnet, subnet_cidr,
                                                vpc_cidr, private_dns_name, attachment_id,
                                                security_groups)

// The same macros with external linkage, as records.h declares them.
#define SLIPWAY_RECORD(Type, ...)                                                           \
  void to_json(nlohmann::json& nlohmann_json_j, const Type& nlohmann_json_t) {              \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__))                \
  }                                                                                         \
  void from_json(const nlohmann::json& nlohmann_json_j, Type& nlohmann_json_t) {            \
    const Type nlohmann_json_default_obj{};                                                 \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_FROM_WITH_DEFAULT, __VA_ARGS__)) \
  }

SLIPWAY_RECORD(ClusterRecord, cluster, inactive_since_us)
SLIPWAY_RECORD(TaskDefinitionRecord, definition, tags)
SLIPWAY_RECORD(FamilyRecord, last_revision)
SLIPWAY_RECORD(ServiceRecord, service, region, account, cluster, deployments, events,
               steady_reported_us, stuck_reported_us, inactive_since_us, client_token,
               request_digest)
SLIPWAY_RECORD(TaskRecord, task, tags, region, account, cluster, id, service, deployment, targets,
               interface, asked_to_stop, handed_over, released, was_healthy, accounted)
SLIPWAY_RECORD(TokenRecord, request_digest, arns, made_us)
SLIPWAY_RECORD(SettingRecord, value)
#undef SLIPWAY_RECORD

int64_t to_us(TimePoint t) {
  return t.time_since_epoch().count();
}

TimePoint from_us(int64_t us) {
  return TimePoint(microseconds(us));
}

std::string cluster_key(std::string_view region, std::string_view cluster) {
  return fmt::format("{}/{}", region, cluster);
}
std::string service_key(std::string_view region, std::string_view cluster, std::string_view name) {
  return fmt::format("{}/{}/{}", region, cluster, name);
}
std::string task_key(std::string_view region, std::string_view cluster, std::string_view id) {
  return fmt::format("{}/{}/{}", region, cluster, id);
}
std::string definition_key(std::string_view region, std::string_view family, int32_t revision) {
  return fmt::format("{}/{}/{:010}", region, family, revision);
}
std::string family_key(std::string_view region, std::string_view family) {
  return fmt::format("{}/{}", region, family);
}
std::string key_of(const ServiceRecord& service) {
  return service_key(service.region, service.cluster, service.service.serviceName.value_or(""));
}
std::string key_of(const TaskRecord& task) {
  return task_key(task.region, task.cluster, task.id);
}

}  // namespace slipway::ecs
