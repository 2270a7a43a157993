// What RegisterTaskDefinition refuses and what it fills in. Pure.
#include "base/strings.h"
#include "ecs/validate_container.h"

namespace slipway::ecs {
namespace {

using Containers = std::vector<shape::ContainerDefinition>;

bool has(const std::optional<std::vector<std::string>>& list, std::string_view value) {
  return list && std::find(list->begin(), list->end(), value) != list->end();
}

std::optional<int64_t> scaled(std::string_view text, std::string_view unit, double factor) {
  std::string lower = to_lower(trim(text));
  if (const auto plain = parse_int(lower)) return plain;
  if (!lower.ends_with(unit)) return std::nullopt;
  lower.erase(lower.size() - unit.size());
  std::string number(trim(lower));
  if (number.starts_with('.')) number.insert(0, "0");
  const auto value = parse_double(number);
  if (!value || !(*value >= 0) || *value > 1e6) return std::nullopt;
  return static_cast<int64_t>(std::llround(*value * factor));
}

void check_dependencies(const Containers& containers) {
  for (const auto& container : containers) {
    for (const auto& dependency :
         container.dependsOn.value_or(std::vector<shape::ContainerDependency>())) {
      const auto other = std::find_if(containers.begin(), containers.end(), [&](const auto& c) {
        return c.name == dependency.containerName;
      });
      if (other == containers.end() || other->name == container.name) {
        refuse("Invalid dependsOn of container '" + *container.name + "': there is no container '" +
               dependency.containerName.value_or("") + "'.");
      }
      const std::string condition = dependency.condition.value_or("");
      if ((condition == "COMPLETE" || condition == "SUCCESS") && *other->essential) {
        refuse("A container that others depend on with the condition " + condition +
               " cannot be essential: '" + *other->name + "'.");
      }
      if (condition == "HEALTHY" && !other->healthCheck) {
        refuse(
            "A container that others depend on with the condition HEALTHY needs a health "
            "check: '" +
            *other->name + "'.");
      }
    }
  }
  // No cycles: take away what has all its dependencies taken away.
  std::set<std::string> gone;
  for (bool progress = true; progress && gone.size() < containers.size();) {
    progress = false;
    for (const auto& container : containers) {
      const auto depends = container.dependsOn.value_or(std::vector<shape::ContainerDependency>());
      const bool ready = std::all_of(depends.begin(), depends.end(), [&](const auto& d) {
        return gone.contains(*d.containerName);
      });
      if (ready && gone.insert(*container.name).second) progress = true;
    }
  }
  if (gone.size() < containers.size()) refuse("Invalid dependsOn: the dependencies form a cycle.");
}

void check_volumes(const shape::TaskDefinition& definition, bool fargate) {
  std::set<std::string> names;
  for (const auto& volume : *definition.volumes) {
    if (volume.efsVolumeConfiguration || volume.fsxWindowsFileServerVolumeConfiguration ||
        volume.dockerVolumeConfiguration || volume.s3filesVolumeConfiguration ||
        volume.configuredAtLaunch.value_or(false)) {
      refuse("Only host volumes (bind mounts) are implemented: volume '" +
             volume.name.value_or("") + "'.");
    }
    if (fargate && volume.host && !volume.host->sourcePath.value_or("").empty()) {
      refuse("host.sourcePath should not be set for volumes in Fargate.");
    }
    names.insert(volume.name.value_or(""));
  }
  for (const auto& container : *definition.containerDefinitions) {
    for (const auto& mount : *container.mountPoints) {
      if (!names.contains(mount.sourceVolume.value_or(""))) {
        refuse("Unknown volume '" + mount.sourceVolume.value_or("") + "'.");
      }
      if (!mount.containerPath.value_or("").starts_with('/')) {
        refuse("Invalid containerPath of a mount point in container '" + *container.name + "'.");
      }
    }
  }
}

void check_fargate(const shape::TaskDefinition& definition) {
  if (definition.networkMode != "awsvpc") {
    refuse("Fargate only supports network mode ‘awsvpc’.");
  }
  if (!definition.cpu) refuse("Fargate requires that 'cpu' be defined at the task level.");
  if (!definition.memory) refuse("Fargate requires that 'memory' be defined at the task level.");
  const int64_t cpu = *parse_int(*definition.cpu);
  const int64_t memory = *parse_int(*definition.memory);
  if (!valid_fargate_size(cpu, memory)) {
    refuse(fmt::format("No Fargate configuration exists for given values: {} CPU, {} memory.", cpu,
                       memory));
  }
  if (!definition.placementConstraints->empty()) {
    refuse("Fargate does not support placement constraints.");
  }
  if (definition.ipcMode) refuse("Fargate does not support 'ipcMode'.");
  if (definition.pidMode && *definition.pidMode != "task") {
    refuse("Fargate only supports the pidMode 'task'.");
  }
  const bool has_role = !definition.executionRoleArn.value_or("").empty();
  for (const auto& container : *definition.containerDefinitions) {
    check_fargate_container(container);
    if (!has_role && container.image->find(".dkr.ecr.") != std::string::npos) {
      refuse("Fargate requires task definition to have execution role ARN to support ECR images.");
    }
  }
}

// What would have to be faked is refused instead.
void check_implemented(const shape::RegisterTaskDefinitionRequest& in) {
  if (in.proxyConfiguration) refuse("proxyConfiguration is not implemented.");
  if (in.inferenceAccelerators && !in.inferenceAccelerators->empty()) {
    refuse("inferenceAccelerators is not implemented.");
  }
  if (in.enableFaultInjection.value_or(false)) refuse("enableFaultInjection is not implemented.");
  if (in.runtimePlatform) {
    const auto family = in.runtimePlatform->operatingSystemFamily.value_or("LINUX");
    const auto cpu = in.runtimePlatform->cpuArchitecture.value_or("X86_64");
    if (family != "LINUX" || (cpu != "X86_64" && cpu != "ARM64")) {
      refuse("runtimePlatform: only LINUX on X86_64 or ARM64 is implemented.");
    }
  }
  for (const auto& container : in.containerDefinitions.value_or(Containers())) {
    const auto refuse_if = [&](bool present, const char* what) {
      if (present) {
        refuse(fmt::format("{} is not implemented (container '{}').", what,
                           container.name.value_or("")));
      }
    };
    refuse_if(container.firelensConfiguration.has_value(), "firelensConfiguration");
    refuse_if(container.environmentFiles && !container.environmentFiles->empty(),
              "environmentFiles");
    refuse_if(container.volumesFrom && !container.volumesFrom->empty(), "volumesFrom");
    refuse_if(container.resourceRequirements && !container.resourceRequirements->empty(),
              "resourceRequirements");
    refuse_if(container.repositoryCredentials.has_value(), "repositoryCredentials");
    refuse_if(container.restartPolicy && container.restartPolicy->enabled.value_or(false),
              "restartPolicy");
  }
}

void fill_sizes(shape::TaskDefinition& out, const shape::RegisterTaskDefinitionRequest& in) {
  if (in.ephemeralStorage) {
    const int32_t size = in.ephemeralStorage->sizeInGiB.value_or(0);
    if (size < 21 || size > 200) {
      refuse("Invalid ephemeral storage: sizeInGiB must be between 21 and 200.");
    }
    out.ephemeralStorage = in.ephemeralStorage;
  }
  if (in.cpu && !in.cpu->empty()) {
    const auto cpu = parse_cpu(*in.cpu);
    if (!cpu || *cpu < 1) refuse("Invalid 'cpu' setting for task.");
    out.cpu = std::to_string(*cpu);
  }
  if (in.memory && !in.memory->empty()) {
    const auto memory = parse_memory(*in.memory);
    if (!memory || *memory < 1) refuse("Invalid 'memory' setting for task.");
    out.memory = std::to_string(*memory);
  }
}

void check_containers(shape::TaskDefinition& out, bool fargate) {
  auto& containers = *out.containerDefinitions;
  if (containers.empty()) refuse("Container definitions should not be empty.");
  if (containers.size() > 10) refuse("Too many container definitions: at most 10 are allowed.");
  std::set<std::string> names;
  bool essential = false;
  for (auto& container : containers) {
    normalise(container);
    if (!names.insert(*container.name).second) {
      refuse("Duplicate container name '" + *container.name + "'.");
    }
    essential = essential || *container.essential;
    if (!out.memory && !container.memory && !container.memoryReservation) {
      refuse("Invalid setting for container '" + *container.name +
             "'. At least one of 'memory' or 'memoryReservation' must be specified.");
    }
    if ((container.memory && *container.memory < 6) ||
        (container.memory && container.memoryReservation &&
         *container.memory < *container.memoryReservation)) {
      refuse("Invalid 'memory' setting for container '" + *container.name + "'.");
    }
    check_ports(container, *out.networkMode);
    check_health(container);
    check_log(container, fargate, !out.executionRoleArn.value_or("").empty());
  }
  if (!essential) refuse("TaskDefinition must have at least one essential container.");
  check_dependencies(containers);
}

}  // namespace

std::optional<int64_t> parse_cpu(std::string_view text) {
  return scaled(text, "vcpu", 1024);
}

std::optional<int64_t> parse_memory(std::string_view text) {
  return scaled(text, "gb", 1024);
}

bool valid_fargate_size(int64_t cpu, int64_t memory_mib) {
  const auto between = [&](int64_t low_gib, int64_t high_gib, int64_t step_gib) {
    return memory_mib % 1024 == 0 && memory_mib >= low_gib * 1024 &&
           memory_mib <= high_gib * 1024 && (memory_mib / 1024 - low_gib) % step_gib == 0;
  };
  switch (cpu) {
    case 256:
      return memory_mib == 512 || between(1, 2, 1);
    case 512:
      return between(1, 4, 1);
    case 1024:
      return between(2, 8, 1);
    case 2048:
      return between(4, 16, 1);
    case 4096:
      return between(8, 30, 1);
    case 8192:
      return between(16, 60, 4);
    case 16384:
      return between(32, 120, 8);
    case 32768:
      return memory_mib == 60 * 1024 || memory_mib == 120 * 1024 || memory_mib == 244 * 1024;
    default:
      return false;
  }
}

shape::TaskDefinition normalised(const shape::RegisterTaskDefinitionRequest& in) {
  if (!valid_name(in.family.value_or(""))) {
    refuse(
        "Family contains invalid characters or is too long: up to 255 letters, numbers, "
        "hyphens and underscores are allowed.");
  }
  check_implemented(in);
  const bool fargate = has(in.requiresCompatibilities, "FARGATE");
  shape::TaskDefinition out;
  out.family = in.family;
  out.taskRoleArn = in.taskRoleArn;
  out.executionRoleArn = in.executionRoleArn;
  if (out.taskRoleArn && out.taskRoleArn->empty()) out.taskRoleArn.reset();
  if (out.executionRoleArn && out.executionRoleArn->empty()) out.executionRoleArn.reset();
  out.networkMode = in.networkMode.value_or("bridge");
  out.containerDefinitions = in.containerDefinitions.value_or(Containers());
  out.volumes = in.volumes.value_or(std::vector<shape::Volume>());
  out.placementConstraints =
      in.placementConstraints.value_or(std::vector<shape::TaskDefinitionPlacementConstraint>());
  out.requiresCompatibilities = in.requiresCompatibilities;
  out.runtimePlatform = in.runtimePlatform;
  out.pidMode = in.pidMode;
  out.ipcMode = in.ipcMode;
  fill_sizes(out, in);
  check_containers(out, fargate);
  check_volumes(out, fargate);
  if (fargate) check_fargate(out);
  out.compatibilities = {"EC2"};
  const bool could_be_fargate = out.networkMode == "awsvpc" && out.cpu && out.memory &&
                                valid_fargate_size(*parse_int(*out.cpu), *parse_int(*out.memory));
  if (fargate || (could_be_fargate && !out.requiresCompatibilities)) {
    out.compatibilities->push_back("FARGATE");
  }
  out.requiresAttributes = required_attributes(out);
  return out;
}

}  // namespace slipway::ecs
