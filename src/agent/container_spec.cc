// container_spec(): a task's container in the engine's terms.
#include <linux/capability.h>
#include <sys/resource.h>

#include "agent/engine_runtime.h"
#include "base/error.h"
#include "linux/caps.h"

namespace slipway::agent {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

// The agent's variables; the task definition's own win where names meet.
std::vector<std::string> environment(const TaskRecord& record, size_t i, const Environment& extra) {
  const auto& spec = record.spec;
  const auto& token = record.containers[i].token;
  const std::string host = "http://169.254.170.2";
  Environment all = {
      {"ECS_CONTAINER_METADATA_URI", host + "/v3/" + token},
      {"ECS_CONTAINER_METADATA_URI_V4", host + "/v4/" + token},
      {"AWS_EXECUTION_ENV", spec.launch_type == "FARGATE" ? "AWS_ECS_FARGATE" : "AWS_ECS_EC2"},
      {"AWS_REGION", spec.region},
      {"AWS_DEFAULT_REGION", spec.region}};
  if (!record.credentials_id.empty())
    all.emplace_back("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                     "/v2/credentials/" + record.credentials_id);
  all.insert(all.end(), extra.begin(), extra.end());
  const auto& own = spec.containers[i].environment;
  all.insert(all.end(), own.begin(), own.end());
  std::vector<std::string> out;
  for (size_t k = 0; k < all.size(); ++k) {
    const bool later = std::any_of(all.begin() + static_cast<std::ptrdiff_t>(k) + 1, all.end(),
                                   [&](const auto& other) { return other.first == all[k].first; });
    if (!later) out.push_back(all[k].first + "=" + all[k].second);
  }
  return out;
}

void set_network(container::Spec& spec, const TaskRecord& record, size_t i,
                 const std::string& folder, const std::string& netns) {
  const auto& mode = record.spec.network_mode;
  const auto& ports = record.spec.containers[i].ports;
  if (mode == "awsvpc") {
    spec.network_mode = "netns:" + netns;
    spec.hostname = record.spec.network->private_dns_name;
    spec.hosts_file = folder + "/hosts";
    spec.resolv_conf = folder + "/resolv.conf";
  } else {
    spec.network_mode = mode.empty() ? "bridge" : mode;
  }
  for (const auto& port : ports) {
    spec.exposed_ports.push_back(fmt::format("{}/{}", port.container_port, port.protocol));
    if (spec.network_mode != "bridge") continue;
    container::PortBinding binding;
    binding.container_port = port.container_port;
    binding.host_port = port.host_port;
    binding.protocol = port.protocol;
    spec.ports.push_back(std::move(binding));
  }
}

// Fargate's default, as far as this process may hand it on.
int64_t default_nofile() {
  constexpr int64_t fargate = 65535;
  rlimit own{};
  if (::getrlimit(RLIMIT_NOFILE, &own) != 0) return fargate;
  const bool may_raise = (linux::effective_capabilities() >> CAP_SYS_RESOURCE & 1) != 0;
  if (may_raise || own.rlim_max == RLIM_INFINITY) return fargate;
  return std::min(fargate, static_cast<int64_t>(own.rlim_max));
}

void set_limits(container::Spec& spec, const TaskRecord& record, const ContainerSpec& from) {
  constexpr uint64_t mib = 1u << 20;
  spec.memory_bytes = static_cast<uint64_t>(std::max<int64_t>(from.memory_mib, 0)) * mib;
  spec.memory_reservation_bytes =
      static_cast<uint64_t>(std::max<int64_t>(from.memory_reservation_mib, 0)) * mib;
  spec.memory_swap_bytes = static_cast<int64_t>(spec.memory_bytes);  // Fargate has no swap
  // 0 and 1 mean the least share there is; it only matters when the task's CPUs are all busy.
  spec.cpu_shares = std::clamp<int64_t>(from.cpu, 2, 262'144);
  spec.ulimits = from.ulimits;
  const bool nofile = std::any_of(from.ulimits.begin(), from.ulimits.end(),
                                  [](const auto& limit) { return limit.name == "nofile"; });
  if (!nofile && record.spec.launch_type == "FARGATE")
    spec.ulimits.push_back({"nofile", default_nofile(), default_nofile()});
  spec.cgroup_parent = task_cgroup(record.spec.id);
}

}  // namespace

std::string task_cgroup(const std::string& task_id) {
  return "slipway/ecs-" + task_id;
}

std::string log_stream_name(const TaskRecord& record, size_t container) {
  const auto& spec = record.spec.containers[container];
  if (spec.logs->stream_prefix.empty()) return record.containers[container].engine_id;
  return fmt::format("{}/{}/{}", spec.logs->stream_prefix, spec.name, record.spec.id);
}

container::Spec container_spec(const TaskRecord& record, size_t container,
                               const std::string& folder, const std::string& netns,
                               const Environment& extra_env) {
  const auto& from = record.spec.containers.at(container);
  container::Spec spec;
  spec.name = record.containers[container].docker_name;
  spec.image = record.containers[container].image_id;
  spec.entrypoint = from.entry_point;
  spec.entrypoint_set = !from.entry_point.empty();
  spec.cmd = from.command;
  spec.env = environment(record, container, extra_env);
  spec.user = from.user;
  spec.working_dir = from.working_dir;
  spec.tty = from.tty;
  spec.open_stdin = from.interactive;
  spec.labels = from.labels;
  spec.labels["com.amazonaws.ecs.cluster"] = record.spec.cluster;
  spec.labels["com.amazonaws.ecs.container-name"] = from.name;
  spec.labels["com.amazonaws.ecs.task-arn"] = record.spec.arn;
  spec.labels["com.amazonaws.ecs.task-definition-family"] = record.spec.family;
  spec.labels["com.amazonaws.ecs.task-definition-version"] = std::to_string(record.spec.revision);
  spec.labels["slipway.task"] = record.spec.id;
  spec.mounts = from.mounts;
  spec.read_only_root = from.read_only_root;
  spec.init = from.init;
  // The image's own HEALTHCHECK is ignored unless the task definition declares one.
  spec.health_check = from.health_check ? from.health_check : image::HealthCheck{{"NONE"}};
  spec.owner = "ecs";
  set_network(spec, record, container, folder, netns);
  set_limits(spec, record, from);
  return spec;
}

std::string pull_failure_text(const std::string& image, const Error& error, int tries) {
  std::string full = image;
  try {
    full = image::Reference::parse(image).full();
  } catch (const Error&) {
    return fmt::format("CannotPullContainerError: {}", error.what());
  }
  const std::string detail = error.kind() == Kind::not_found ? "not found" : error.what();
  return fmt::format(
      "CannotPullContainerError: pull image manifest has been retried {} time(s): failed to "
      "resolve ref {}: {}",
      tries, full, detail);
}

}  // namespace slipway::agent
