#include "agent/metadata.h"

#include "codec/json.h"
#include "linux/links.h"

namespace slipway::agent {
namespace {

void put_time(Json& json, const char* name, const std::optional<TimePoint>& time) {
  if (time) json[name] = to_rfc3339(*time, 9);
}

// Desired status as containers report it.
const char* desired(const TaskRecord& task) {
  return task.want_running ? "RUNNING" : "STOPPED";
}

Json labels_of(const TaskRecord& task, const ContainerSpec& spec) {
  Json labels = spec.labels;
  if (labels.is_null()) labels = Json::object();
  labels["com.amazonaws.ecs.cluster"] = task.spec.cluster;
  labels["com.amazonaws.ecs.container-name"] = spec.name;
  labels["com.amazonaws.ecs.task-arn"] = task.spec.arn;
  labels["com.amazonaws.ecs.task-definition-family"] = task.spec.family;
  labels["com.amazonaws.ecs.task-definition-version"] = std::to_string(task.spec.revision);
  return labels;
}

Json networks_of(const TaskRecord& task) {
  Json network = {{"NetworkMode", task.spec.network_mode}};
  if (const auto& interface = task.spec.network) {
    network["IPv4Addresses"] = Json::array({interface->ip});
    network["AttachmentIndex"] = 0;
    network["MACAddress"] = interface->mac;
    network["IPv4SubnetCIDRBlock"] = interface->subnet_cidr;
    network["PrivateDNSName"] = interface->private_dns_name;
    const auto subnet = linux::Cidr4::parse(interface->subnet_cidr);
    network["SubnetGatewayIpv4Address"] = fmt::format("{}/{}", subnet.host(1), subnet.prefix);
  }
  return Json::array({network});
}

Json ports_of(const ContainerSpec& spec, const ContainerStatus& status) {
  Json ports = Json::array();
  for (const auto& port : status.bindings.empty() ? spec.ports : status.bindings) {
    Json entry = {{"ContainerPort", port.container_port}, {"Protocol", port.protocol}};
    if (port.host_port != 0) entry["HostPort"] = port.host_port;
    ports.push_back(std::move(entry));
  }
  return ports;
}

Json health_of(const ContainerStatus& status) {
  return {{"status", status.health}};
}

}  // namespace

Json container_metadata(const TaskRecord& task, size_t container, const ContainerFacts& facts) {
  const auto& spec = task.spec.containers.at(container);
  const auto& record = task.containers.at(container);
  const auto& status = record.status;
  Json json = {{"DockerId", status.runtime_id},
               {"Name", spec.name},
               {"DockerName", record.docker_name},
               {"Image", spec.image},
               {"ImageID", status.image_digest},
               {"Labels", labels_of(task, spec)},
               {"DesiredStatus", desired(task)},
               {"KnownStatus", status.last_status},
               {"Limits", {{"CPU", std::max<int64_t>(spec.cpu, 2)}}},
               {"Type", "NORMAL"},
               {"ContainerARN", spec.container_arn},
               {"Networks", networks_of(task)},
               {"Snapshotter", "overlayfs"}};
  if (facts.memory_limit_bytes != 0) json["Limits"]["Memory"] = facts.memory_limit_bytes >> 20;
  put_time(json, "CreatedAt", facts.created);
  put_time(json, "StartedAt", status.started_at);
  put_time(json, "FinishedAt", status.finished_at);
  if (status.exit_code) json["ExitCode"] = *status.exit_code;
  if (auto ports = ports_of(spec, status); !ports.empty()) json["Ports"] = std::move(ports);
  if (spec.health_check) json["Health"] = health_of(status);
  if (spec.logs) {
    json["LogDriver"] = "awslogs";
    json["LogOptions"] = {{"awslogs-group", spec.logs->group},
                          {"awslogs-region", spec.logs->region},
                          {"awslogs-stream", record.log_stream}};
  }
  return json;
}

Json task_metadata(const TaskRecord& task, const std::vector<ContainerFacts>& facts,
                   bool with_tags) {
  const auto& spec = task.spec;
  const auto& status = task.status;
  Json json = {{"Cluster", spec.cluster},
               {"TaskARN", spec.arn},
               {"Family", spec.family},
               {"Revision", std::to_string(spec.revision)},
               {"DesiredStatus", desired(task)},
               {"KnownStatus", status.last_status},
               {"AvailabilityZone", spec.availability_zone},
               {"LaunchType", spec.launch_type},
               {"Containers", Json::array()}};
  if (!spec.service.empty()) json["ServiceName"] = spec.service;
  if (spec.cpu != 0) json["Limits"]["CPU"] = static_cast<double>(spec.cpu) / 1024;
  if (spec.memory_mib != 0) json["Limits"]["Memory"] = spec.memory_mib;
  put_time(json, "PullStartedAt", status.pull_started_at);
  put_time(json, "PullStoppedAt", status.pull_stopped_at);
  put_time(json, "ExecutionStoppedAt", status.execution_stopped_at);
  if (with_tags) json["TaskTags"] = spec.tags;
  for (size_t i = 0; i < task.containers.size(); ++i)
    json["Containers"].push_back(container_metadata(task, i, facts.at(i)));
  return json;
}

}  // namespace slipway::agent
