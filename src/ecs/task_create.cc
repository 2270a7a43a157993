// How a task comes to be and how its end is asked for, as records.
#include "base/error.h"
#include "base/ids.h"
#include "ec2/network.h"
#include "ecs/task.h"
#include "elb/targets.h"

namespace slipway::ecs {
namespace {

shape::KeyValuePair detail(const char* name, const std::string& value) {
  shape::KeyValuePair pair;
  pair.name = name;
  pair.value = value;
  return pair;
}

shape::Container make_container(const TaskRecord& task, const shape::ContainerDefinition& from,
                                const std::string& arn_prefix) {
  shape::Container out;
  out.containerArn =
      fmt::format("{}:container/{}/{}/{}", arn_prefix, task.cluster, task.id, random_uuid());
  out.taskArn = task.task.taskArn;
  out.name = from.name;
  out.image = from.image;
  out.lastStatus = "PENDING";
  out.healthStatus = "UNKNOWN";
  out.networkBindings.emplace();
  out.networkInterfaces.emplace();
  out.cpu = std::to_string(from.cpu.value_or(0));
  if (from.memory) out.memory = std::to_string(*from.memory);
  if (from.memoryReservation) out.memoryReservation = std::to_string(*from.memoryReservation);
  return out;
}

shape::TaskOverride full_overrides(shape::TaskOverride overrides,
                                   const shape::TaskDefinition& definition) {
  if (!overrides.containerOverrides) overrides.containerOverrides.emplace();
  for (const auto& container : *definition.containerDefinitions) {
    const auto& list = *overrides.containerOverrides;
    if (std::any_of(list.begin(), list.end(),
                    [&](const auto& o) { return o.name == container.name; })) {
      continue;
    }
    shape::ContainerOverride entry;
    entry.name = container.name;
    overrides.containerOverrides->push_back(entry);
  }
  if (!overrides.inferenceAcceleratorOverrides) overrides.inferenceAcceleratorOverrides.emplace();
  return overrides;
}

TaskRecord empty_record(const NewTask& wanted) {
  TaskRecord record;
  record.region = wanted.region;
  record.account = wanted.account;
  record.cluster = wanted.cluster;
  record.id = wanted.id;
  record.service = wanted.service;
  record.deployment = wanted.deployment;
  record.targets = wanted.targets;
  record.tags = wanted.tags;
  return record;
}

void set_platform(shape::Task& task, const NewTask& wanted,
                  const shape::TaskDefinition& definition) {
  task.platformVersion = wanted.platform_version == "LATEST" || wanted.platform_version.empty()
                             ? "1.4.0"
                             : wanted.platform_version;
  task.platformFamily = "Linux";
  shape::EphemeralStorage storage;
  storage.sizeInGiB = 20;
  task.ephemeralStorage = definition.ephemeralStorage.value_or(storage);
  shape::TaskEphemeralStorage shown;
  shown.sizeInGiB = task.ephemeralStorage->sizeInGiB;
  task.fargateEphemeralStorage = shown;
}

}  // namespace

TaskRecord make_task(const NewTask& wanted, const shape::TaskDefinition& definition,
                     TimePoint now) {
  TaskRecord record = empty_record(wanted);
  const std::string prefix = fmt::format("arn:aws:ecs:{}:{}", wanted.region, wanted.account);
  auto& task = record.task;
  task.taskArn = fmt::format("{}:task/{}/{}", prefix, wanted.cluster, wanted.id);
  task.clusterArn = fmt::format("{}:cluster/{}", prefix, wanted.cluster);
  task.taskDefinitionArn = definition.taskDefinitionArn;
  task.attachments.emplace();
  auto& architecture = task.attributes.emplace().emplace_back();
  architecture.name = "ecs.cpu-architecture";
  architecture.value = "x86_64";
  if (!wanted.capacity_provider.empty()) task.capacityProviderName = wanted.capacity_provider;
  task.containers.emplace();
  for (const auto& container : *definition.containerDefinitions) {
    task.containers->push_back(make_container(record, container, prefix));
  }
  task.cpu = wanted.overrides.cpu ? wanted.overrides.cpu : definition.cpu;
  task.memory = wanted.overrides.memory ? wanted.overrides.memory : definition.memory;
  task.createdAt = now;
  task.desiredStatus = "RUNNING";
  task.enableExecuteCommand = wanted.execute_command;
  task.group = wanted.group;
  task.healthStatus = "UNKNOWN";
  task.inferenceAccelerators.emplace();
  task.lastStatus = "PROVISIONING";
  task.launchType = wanted.launch_type;
  task.overrides = full_overrides(wanted.overrides, definition);
  if (wanted.launch_type == "FARGATE") set_platform(task, wanted, definition);
  if (!wanted.started_by.empty()) task.startedBy = wanted.started_by;
  task.version = 1;
  return record;
}

void attach_interface(store::Writer& db, TaskRecord& record, const std::string& subnet_id,
                      std::vector<std::string> security_groups) {
  const auto subnet = ec2::find_subnet(db, subnet_id);
  if (!subnet) throw not_found("The subnet ID '{}' does not exist", subnet_id);
  if (security_groups.empty()) {
    security_groups = {ec2::default_security_group(db, subnet->vpc_id)};
  }
  const std::string attachment_id = random_uuid();
  const auto made = ec2::create_interface(
      db, record.region, subnet_id, security_groups,
      fmt::format("arn:aws:ecs:{}:{}:attachment/{}", record.region, record.account, attachment_id),
      "amazon-ecs");
  Interface& interface = record.interface.emplace();
  interface.id = made.id;
  interface.mac = made.mac;
  interface.ip = made.private_ip;
  interface.subnet = subnet_id;
  interface.subnet_cidr = subnet->cidr;
  interface.vpc_cidr = subnet->vpc_cidr;
  interface.private_dns_name = made.private_dns_name;
  interface.attachment_id = attachment_id;
  interface.security_groups = security_groups;
  record.task.availabilityZone = subnet->availability_zone;

  shape::Attachment attachment;
  attachment.id = attachment_id;
  attachment.type = "ElasticNetworkInterface";
  attachment.status = "PRECREATED";
  attachment.details = {detail("subnetId", subnet_id), detail("networkInterfaceId", made.id),
                        detail("macAddress", made.mac),
                        detail("privateDnsName", made.private_dns_name),
                        detail("privateIPv4Address", made.private_ip)};
  record.task.attachments = {attachment};
  for (auto& container : *record.task.containers) {
    shape::NetworkInterface shown;
    shown.attachmentId = attachment_id;
    shown.privateIpv4Address = made.private_ip;
    container.networkInterfaces = {shown};
  }
}

void request_stop(store::Writer& db, TaskRecord& record, const std::string& stop_code,
                  const std::string& reason, TimePoint now) {
  auto& task = record.task;
  if (task.desiredStatus == "STOPPED") return;
  task.desiredStatus = "STOPPED";
  task.stopCode = stop_code;
  task.stoppedReason = reason;
  task.stoppingAt = now;
  record.asked_to_stop = true;
  if (task.lastStatus == "RUNNING") task.lastStatus = "DEACTIVATING";
  task.version = task.version.value_or(0) + 1;
  for (const auto& target : record.targets) {
    if (record.interface) {
      elb::deregister_target(db, target.group, {record.interface->ip, target.port});
    }
  }
}

void mark_stopped(TaskRecord& record, TimePoint now) {
  auto& task = record.task;
  task.desiredStatus = "STOPPED";
  task.lastStatus = "STOPPED";
  if (!task.stoppingAt) task.stoppingAt = now;
  if (!task.executionStoppedAt) task.executionStoppedAt = now;
  task.stoppedAt = now;
  task.version = task.version.value_or(0) + 1;
  for (auto& container : *task.containers) container.lastStatus = "STOPPED";
}

void mark_failed_to_start(TaskRecord& record, const std::string& reason, TimePoint now) {
  record.task.stopCode = "TaskFailedToStart";
  record.task.stoppedReason = reason.substr(0, 1024);
  mark_stopped(record, now);
}

void check_network(const store::Reader& db,
                   const std::optional<shape::NetworkConfiguration>& network) {
  if (!network || !network->awsvpcConfiguration) {
    throw shape::InvalidParameterException(
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  const auto& vpc = *network->awsvpcConfiguration;
  const auto subnets = vpc.subnets.value_or(std::vector<std::string>());
  if (subnets.empty()) throw shape::InvalidParameterException("subnets can not be empty.");
  if (subnets.size() > 16) {
    throw shape::InvalidParameterException("subnets can have at most 16 items.");
  }
  std::string vpc_id;
  for (const auto& id : subnets) {
    const auto subnet = ec2::find_subnet(db, id);
    if (!subnet) {
      throw shape::InvalidParameterException(
          fmt::format("Error retrieving subnet information for [{}]: The subnet ID '{}' does not "
                      "exist (ErrorCode: InvalidSubnetID.NotFound)",
                      id, id));
    }
    if (!vpc_id.empty() && vpc_id != subnet->vpc_id) {
      throw shape::InvalidParameterException("subnets must belong to one VPC.");
    }
    vpc_id = subnet->vpc_id;
  }
  const auto groups = vpc.securityGroups.value_or(std::vector<std::string>());
  if (groups.size() > 5) {
    throw shape::InvalidParameterException("securityGroups can have at most 5 items.");
  }
  for (const auto& id : groups) {
    if (ec2::security_group_exists(db, id)) continue;
    throw shape::InvalidParameterException(
        fmt::format("Error retrieving security group information for [{}]: The security group '{}' "
                    "does not exist (ErrorCode: InvalidGroup.NotFound)",
                    id, id));
  }
}

void check_compatible(const shape::TaskDefinition& definition, const std::string& launch_type) {
  const auto list = definition.compatibilities.value_or(std::vector<std::string>());
  if (std::find(list.begin(), list.end(), launch_type) == list.end()) {
    throw shape::InvalidParameterException("Task definition does not support launch_type " +
                                           launch_type + ".");
  }
}

bool is_pending(const shape::Task& task) {
  return task.lastStatus == "PROVISIONING" || task.lastStatus == "PENDING" ||
         task.lastStatus == "ACTIVATING";
}

shape::Task present(const TaskRecord& record, bool with_tags) {
  shape::Task out = record.task;
  out.tags = with_tags ? record.tags : Tags();
  return out;
}

}  // namespace slipway::ecs
