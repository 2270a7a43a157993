// What RegisterTaskDefinition refuses of a single container, and what it fills in. Pure.
#include "ecs/validate_container.h"

namespace slipway::ecs {

void refuse(const std::string& message) {
  throw shape::ClientException(message);
}

void check_ports(shape::ContainerDefinition& container, const std::string& network_mode) {
  std::map<int32_t, std::string> seen;
  for (auto& port : *container.portMappings) {
    if (port.containerPortRange) {
      refuse("containerPortRange of container '" + *container.name + "' is not implemented.");
    }
    if (!port.containerPort || *port.containerPort < 1 || *port.containerPort > 65535) {
      refuse("Invalid 'containerPort' setting for container '" + *container.name + "'");
    }
    if (!port.protocol) port.protocol = "tcp";
    if (*port.protocol != "tcp" && *port.protocol != "udp") {
      refuse("Invalid 'protocol' setting for container '" + *container.name + "'");
    }
    const bool same = network_mode == "awsvpc" || network_mode == "host";
    if (!port.hostPort || (same && *port.hostPort == 0)) {
      port.hostPort = same ? *port.containerPort : 0;
    }
    if (*port.hostPort < 0 || *port.hostPort > 65535) {
      refuse("Invalid 'hostPort' setting for container '" + *container.name + "'");
    }
    if (same && *port.hostPort != *port.containerPort) {
      refuse("When networkMode=" + network_mode +
             ", the host ports and container ports in port mappings must match.");
    }
    const auto [other, fresh] = seen.emplace(*port.containerPort, *port.protocol);
    if (!fresh && other->second != *port.protocol) {
      refuse("The same containerPort cannot be exposed for two protocols.");
    }
  }
  if (network_mode == "none" && !container.portMappings->empty()) {
    refuse("When networkMode=none, port mappings are not allowed.");
  }
}

void check_health(shape::ContainerDefinition& container) {
  if (!container.healthCheck) return;
  auto& check = *container.healthCheck;
  const auto command = check.command.value_or(std::vector<std::string>());
  if (command.empty() ||
      (command[0] != "CMD" && command[0] != "CMD-SHELL" && command[0] != "NONE")) {
    refuse("The health check command of container '" + *container.name +
           "' must start with CMD or CMD-SHELL.");
  }
  const auto within = [&](std::optional<int32_t>& value, const char* name, int low, int high,
                          std::optional<int32_t> fallback) {
    if (!value) value = fallback;
    if (value && (*value < low || *value > high)) {
      refuse(fmt::format("The health check {} of container '{}' must be between {} and {}.", name,
                         *container.name, low, high));
    }
  };
  within(check.interval, "interval", 5, 300, 30);
  within(check.timeout, "timeout", 2, 120, 5);
  within(check.retries, "retries", 1, 10, 3);
  within(check.startPeriod, "startPeriod", 0, 300, std::nullopt);
}

void normalise(shape::ContainerDefinition& container) {
  if (container.name.value_or("").empty()) refuse("Container.name should not be null or empty.");
  if (!valid_name(*container.name)) {
    refuse("Invalid container name '" + container.name->substr(0, 300) +
           "': up to 255 letters, numbers, hyphens and underscores are allowed.");
  }
  if (container.image.value_or("").empty()) refuse("Container.image should not be null or empty.");
  if (!container.cpu) container.cpu = 0;
  if (*container.cpu < 0) {
    refuse("Invalid 'cpu' setting for container '" + *container.name + "'.");
  }
  if (!container.essential) container.essential = true;
  if (!container.portMappings) container.portMappings.emplace();
  if (!container.environment) container.environment.emplace();
  if (!container.mountPoints) container.mountPoints.emplace();
  if (!container.volumesFrom) container.volumesFrom.emplace();
  if (!container.systemControls) container.systemControls.emplace();
}

void check_log(const shape::ContainerDefinition& container, bool fargate, bool has_role) {
  if (!container.logConfiguration) return;
  const std::string driver = container.logConfiguration->logDriver.value_or("");
  if (driver != "awslogs" && driver != "json-file") {
    refuse("The log driver '" + driver + "' of container '" + *container.name +
           "' is not implemented; awslogs is.");
  }
  if (fargate && driver == "json-file") {
    refuse("The log driver 'json-file' is not supported on Fargate.");
  }
  if (driver != "awslogs") return;
  const auto options =
      container.logConfiguration->options.value_or(std::map<std::string, std::string>());
  const auto missing = [&](const char* name) {
    const auto found = options.find(name);
    return found == options.end() || found->second.empty();
  };
  for (const char* name : {"awslogs-group", "awslogs-region"}) {
    if (missing(name)) {
      refuse(fmt::format("Log driver awslogs requires options: {}.", name));
    }
  }
  if (fargate && missing("awslogs-stream-prefix")) {
    refuse("Log driver awslogs requires options: awslogs-stream-prefix.");
  }
  if (fargate && !has_role) {
    refuse(
        "Fargate requires task definition to have execution role ARN to support log driver "
        "awslogs.");
  }
}

void check_fargate_container(const shape::ContainerDefinition& container) {
  const auto forbid = [&](bool present, const char* what) {
    if (present) {
      refuse(fmt::format("Fargate does not support '{}' (container '{}').", what, *container.name));
    }
  };
  forbid(container.privileged.value_or(false), "privileged");
  forbid(container.disableNetworking.value_or(false), "disableNetworking");
  forbid(container.dnsServers && !container.dnsServers->empty(), "dnsServers");
  forbid(container.dnsSearchDomains && !container.dnsSearchDomains->empty(), "dnsSearchDomains");
  forbid(container.dockerSecurityOptions && !container.dockerSecurityOptions->empty(),
         "dockerSecurityOptions");
  forbid(container.extraHosts && !container.extraHosts->empty(), "extraHosts");
  forbid(container.links && !container.links->empty(), "links");
  if (container.linuxParameters) {
    const auto& linux_parameters = *container.linuxParameters;
    forbid(linux_parameters.devices && !linux_parameters.devices->empty(), "devices");
    forbid(linux_parameters.sharedMemorySize.has_value(), "sharedMemorySize");
    forbid(linux_parameters.tmpfs && !linux_parameters.tmpfs->empty(), "tmpfs");
    forbid(linux_parameters.maxSwap.has_value(), "maxSwap");
    forbid(linux_parameters.swappiness.has_value(), "swappiness");
  }
  if (container.stopTimeout && (*container.stopTimeout < 2 || *container.stopTimeout > 120)) {
    refuse("The stopTimeout of container '" + *container.name + "' must be between 2 and 120.");
  }
}

}  // namespace slipway::ecs
