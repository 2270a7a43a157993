// What ECS keeps in the store: own structures around the generated shapes, the tables they are in
// and the keys under which they stand. A key starts with the region, so that a scan of a prefix is
// a list of one region, cluster or family.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "aws/gen/ecs.h"
#include "ec2/network.h"
#include "ecs/plan/service.h"
#include "store/table.h"

namespace slipway::ecs {

namespace shape = aws::ecs;  // the generated structures
using Tags = std::vector<shape::Tag>;
const char* rollout_text(plan::Rollout rollout);  // as AWS writes it
shape::Tag tag(const char* key, const std::string& value);

struct ClusterRecord {
  shape::Cluster cluster;  // with tags, settings, configuration; without counts
  std::optional<int64_t> inactive_since_us;
};

struct TaskDefinitionRecord {
  shape::TaskDefinition definition;
  Tags tags;
};

// Revisions are never used twice, not even after deletion.
struct FamilyRecord {
  int32_t last_revision = 0;
};

// One service revision: everything whose change makes a new deployment.
struct DeploymentRecord {
  plan::Deployment state;
  std::string task_definition;  // ARN
  std::optional<shape::NetworkConfiguration> network;
  std::vector<shape::LoadBalancer> load_balancers;
  std::string launch_type;  // empty with a capacity provider strategy
  std::vector<shape::CapacityProviderStrategyItem> strategy;
  std::string platform_version;
};

struct ServiceRecord {
  shape::Service service;  // without deployments, events, counts
  std::string region, account, cluster;
  std::vector<DeploymentRecord> deployments;  // the primary one first
  std::vector<shape::ServiceEvent> events;    // newest first
  std::optional<int64_t> steady_reported_us, stuck_reported_us, inactive_since_us;
  std::string client_token, request_digest;
};

struct TaskTarget {
  std::string group, container;
  uint16_t port = 0;
};

struct Interface {
  std::string id, mac, ip, subnet, subnet_cidr, vpc_cidr, private_dns_name, attachment_id;
  std::vector<std::string> security_groups;
};

struct TaskRecord {
  shape::Task task;  // without what only "include TAGS" shows
  Tags tags;
  std::string region, account, cluster, id;
  std::string service, deployment;  // empty for standalone tasks
  std::vector<TaskTarget> targets;
  std::optional<Interface> interface;
  bool asked_to_stop = false;  // by the control plane; else a task's end is its own
  bool handed_over = false;    // the agent has reported it at least once
  bool released = false;       // targets drained, network interface gone: nothing left to do
  bool was_healthy = false, accounted = false;  // the planner's
};

// A RunTask or CreateService that carried a client token.
struct TokenRecord {
  std::string request_digest;
  std::vector<std::string> arns;
  int64_t made_us = 0;
};

struct SettingRecord {
  std::string value;
};

inline constexpr store::Table<ClusterRecord> clusters{"ecs.clusters"};
inline constexpr store::Table<TaskDefinitionRecord> task_definitions{"ecs.task_definitions"};
inline constexpr store::Table<FamilyRecord> families{"ecs.families"};
inline constexpr store::Table<ServiceRecord> services{"ecs.services"};
inline constexpr store::Table<TaskRecord> tasks{"ecs.tasks"};
inline constexpr store::Table<TokenRecord> tokens{"ecs.tokens"};
inline constexpr store::Table<SettingRecord> settings{"ecs.settings"};

std::string cluster_key(std::string_view region, std::string_view cluster);
std::string service_key(std::string_view region, std::string_view cluster, std::string_view name);
std::string task_key(std::string_view region, std::string_view cluster, std::string_view id);
std::string definition_key(std::string_view region, std::string_view family, int32_t revision);
std::string family_key(std::string_view region, std::string_view family);

std::string key_of(const ServiceRecord& service);
std::string key_of(const TaskRecord& task);

int64_t to_us(TimePoint t);
TimePoint from_us(int64_t us);

void to_json(nlohmann::json& j, const ClusterRecord& r);
void from_json(const nlohmann::json& j, ClusterRecord& r);
void to_json(nlohmann::json& j, const TaskDefinitionRecord& r);
void from_json(const nlohmann::json& j, TaskDefinitionRecord& r);
void to_json(nlohmann::json& j, const FamilyRecord& r);
void from_json(const nlohmann::json& j, FamilyRecord& r);
void to_json(nlohmann::json& j, const ServiceRecord& r);
void from_json(const nlohmann::json& j, ServiceRecord& r);
void to_json(nlohmann::json& j, const TaskRecord& r);
void from_json(const nlohmann::json& j, TaskRecord& r);
void to_json(nlohmann::json& j, const TokenRecord& r);
void from_json(const nlohmann::json& j, TokenRecord& r);
void to_json(nlohmann::json& j, const SettingRecord& r);
void from_json(const nlohmann::json& j, SettingRecord& r);

}  // namespace slipway::ecs
