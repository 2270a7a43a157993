#include "ecs/task_spec.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::ecs {
namespace {

int64_t nanoseconds(int32_t whole_seconds) {
  return int64_t{whole_seconds} * 1'000'000'000;
}

const shape::ContainerOverride* find_override(const TaskRecord& task, const std::string& name) {
  if (!task.task.overrides || !task.task.overrides->containerOverrides) return nullptr;
  for (const auto& entry : *task.task.overrides->containerOverrides) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::vector<std::pair<std::string, std::string>> environment(
    const shape::ContainerDefinition& definition, const shape::ContainerOverride* override) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto set = [&](const shape::KeyValuePair& pair) {
    const std::string name = pair.name.value_or("");
    const auto known =
        std::find_if(out.begin(), out.end(), [&](const auto& e) { return e.first == name; });
    if (known == out.end()) {
      out.emplace_back(name, pair.value.value_or(""));
    } else {
      known->second = pair.value.value_or("");
    }
  };
  for (const auto& pair : *definition.environment) set(pair);
  if (override && override->environment) {
    for (const auto& pair : *override->environment) set(pair);
  }
  return out;
}

std::optional<agent::AwsLogs> logs_of(const shape::ContainerDefinition& definition) {
  if (!definition.logConfiguration || definition.logConfiguration->logDriver != "awslogs") {
    return std::nullopt;
  }
  const auto options =
      definition.logConfiguration->options.value_or(std::map<std::string, std::string>());
  const auto get = [&](const char* name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string() : found->second;
  };
  agent::AwsLogs out;
  out.group = get("awslogs-group");
  out.region = get("awslogs-region");
  out.stream_prefix = get("awslogs-stream-prefix");
  out.create_group = iequals(get("awslogs-create-group"), "true");
  return out;
}

image::HealthCheck health_check_of(const shape::HealthCheck& from) {
  image::HealthCheck out;
  out.test = from.command.value_or(std::vector<std::string>());
  out.interval_ns = nanoseconds(from.interval.value_or(30));
  out.timeout_ns = nanoseconds(from.timeout.value_or(5));
  out.start_period_ns = nanoseconds(from.startPeriod.value_or(0));
  out.retries = from.retries.value_or(3);
  return out;
}

// A volume without a path is one directory that the task's containers share.
std::vector<container::Mount> mounts_of(const TaskRecord& task,
                                        const shape::TaskDefinition& definition,
                                        const shape::ContainerDefinition& container) {
  std::vector<container::Mount> out;
  for (const auto& point : *container.mountPoints) {
    const auto& volumes = *definition.volumes;
    const auto volume = std::find_if(volumes.begin(), volumes.end(),
                                     [&](const auto& v) { return v.name == point.sourceVolume; });
    if (volume == volumes.end()) {
      throw invalid_argument("ResourceInitializationError: unknown volume '{}'",
                             point.sourceVolume.value_or(""));
    }
    container::Mount mount;
    const std::string path = volume->host ? volume->host->sourcePath.value_or("") : "";
    mount.type = path.empty() ? "volume" : "bind";
    mount.source = path.empty() ? fmt::format("ecs-{}-{}", task.id, *volume->name) : path;
    mount.target = point.containerPath.value_or("");
    mount.read_only = point.readOnly.value_or(false);
    out.push_back(mount);
  }
  return out;
}

void add_ports(agent::ContainerSpec& out, const shape::ContainerDefinition& from) {
  for (const auto& port : *from.portMappings) {
    agent::PortMapping mapping;
    mapping.container_port = static_cast<uint16_t>(port.containerPort.value_or(0));
    mapping.host_port = static_cast<uint16_t>(port.hostPort.value_or(0));
    mapping.protocol = port.protocol.value_or("tcp");
    mapping.name = port.name.value_or("");
    mapping.app_protocol = port.appProtocol.value_or("");
    out.ports.push_back(mapping);
  }
}

agent::NetworkInterface network_of(const Interface& from) {
  agent::NetworkInterface out;
  out.id = from.id;
  out.mac = from.mac;
  out.ip = from.ip;
  out.subnet_id = from.subnet;
  out.subnet_cidr = from.subnet_cidr;
  out.vpc_cidr = from.vpc_cidr;
  out.private_dns_name = from.private_dns_name;
  out.attachment_id = from.attachment_id;
  out.security_groups = from.security_groups;
  return out;
}

void set_limits(agent::ContainerSpec& out, const shape::ContainerDefinition& from,
                const shape::ContainerOverride* override) {
  out.cpu = override && override->cpu ? *override->cpu : from.cpu.value_or(0);
  out.memory_mib = override && override->memory ? *override->memory : from.memory.value_or(0);
  out.memory_reservation_mib = override && override->memoryReservation
                                   ? *override->memoryReservation
                                   : from.memoryReservation.value_or(0);
  out.stop_timeout_s = from.stopTimeout;
  out.start_timeout_s = from.startTimeout;
  for (const auto& limit : from.ulimits.value_or(std::vector<shape::Ulimit>())) {
    out.ulimits.push_back(
        {limit.name.value_or(""), limit.softLimit.value_or(0), limit.hardLimit.value_or(0)});
  }
}

agent::ContainerSpec make_container(const TaskRecord& task, const shape::TaskDefinition& definition,
                                    const shape::ContainerDefinition& from) {
  if (from.secrets && !from.secrets->empty()) {
    throw unimplemented(
        "ResourceInitializationError: unable to pull secrets: container '{}' asks for secrets, "
        "which are not implemented; pass the value as environment",
        *from.name);
  }
  const auto* override = find_override(task, *from.name);
  agent::ContainerSpec out;
  out.name = *from.name;
  out.image = *from.image;
  for (const auto& shown : *task.task.containers) {
    if (shown.name == from.name) out.container_arn = shown.containerArn.value_or("");
  }
  out.entry_point = from.entryPoint.value_or(std::vector<std::string>());
  out.command = override && override->command ? *override->command
                                              : from.command.value_or(std::vector<std::string>());
  out.environment = environment(from, override);
  add_ports(out, from);
  for (const auto& d : from.dependsOn.value_or(std::vector<shape::ContainerDependency>())) {
    out.depends_on.push_back({d.containerName.value_or(""), d.condition.value_or("")});
  }
  if (from.healthCheck) out.health_check = health_check_of(*from.healthCheck);
  out.logs = logs_of(from);
  out.labels = from.dockerLabels.value_or(std::map<std::string, std::string>());
  out.mounts = mounts_of(task, definition, from);
  out.user = from.user.value_or("");
  out.working_dir = from.workingDirectory.value_or("");
  out.essential = from.essential.value_or(true);
  out.read_only_root = from.readonlyRootFilesystem.value_or(false);
  out.init = from.linuxParameters && from.linuxParameters->initProcessEnabled.value_or(false);
  out.tty = from.pseudoTerminal.value_or(false);
  out.interactive = from.interactive.value_or(false);
  set_limits(out, from, override);
  return out;
}

}  // namespace

agent::TaskSpec make_spec(const TaskRecord& task, const shape::TaskDefinition& definition) {
  agent::TaskSpec out;
  out.arn = *task.task.taskArn;
  out.id = task.id;
  out.cluster = task.cluster;
  out.family = definition.family.value_or("");
  out.revision = definition.revision.value_or(0);
  out.service = task.service;
  out.launch_type = task.task.launchType.value_or("");
  out.availability_zone = task.task.availabilityZone.value_or("");
  out.network_mode = definition.networkMode.value_or("bridge");
  if (task.interface) out.network = network_of(*task.interface);
  for (const auto& container : *definition.containerDefinitions) {
    out.containers.push_back(make_container(task, definition, container));
  }
  for (const auto& tag : task.tags) out.tags[tag.key.value_or("")] = tag.value.value_or("");
  const auto& overrides = task.task.overrides;
  out.task_role_arn = overrides && overrides->taskRoleArn ? *overrides->taskRoleArn
                                                          : definition.taskRoleArn.value_or("");
  out.execution_role_arn = overrides && overrides->executionRoleArn
                               ? *overrides->executionRoleArn
                               : definition.executionRoleArn.value_or("");
  out.cpu = parse_int(task.task.cpu.value_or("0")).value_or(0);
  out.memory_mib = parse_int(task.task.memory.value_or("0")).value_or(0);
  out.region = task.region;
  out.account = task.account;
  return out;
}

}  // namespace slipway::ecs
