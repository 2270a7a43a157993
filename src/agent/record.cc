// Making records of specifications.
#include "agent/record.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"

namespace slipway::agent {
namespace {

std::string digits(size_t count) {
  std::string out;
  for (const char byte : random_bytes(count))
    out += static_cast<char>('0' + static_cast<unsigned char>(byte) % 10);
  return out;
}

void check_spec(const TaskSpec& spec) {
  auto refuse = [&](const std::string& why) {
    throw invalid_argument("task {}: {}", spec.arn, why);
  };
  if (spec.arn.empty()) refuse("it has no ARN");
  if (spec.id.empty() || spec.id.size() > 64 || !only_alnum_and(spec.id, "-"))
    refuse("its id is not made of letters and digits");
  if (spec.containers.empty()) refuse("it has no containers");
  if (spec.network_mode == "awsvpc" && !spec.network)
    refuse("network mode awsvpc needs a network interface");
  std::set<std::string> names;
  for (const auto& container : spec.containers) {
    if (container.name.empty() || !only_alnum_and(container.name, "-_"))
      refuse(fmt::format("'{}' cannot name a container", container.name));
    if (!names.insert(container.name).second)
      refuse(fmt::format("two containers are called {}", container.name));
  }
  for (const auto& container : spec.containers) {
    for (const auto& need : container.depends_on) {
      if (!names.contains(need.container) || need.container == container.name)
        refuse(fmt::format("container {} depends on '{}', which is none of the others",
                           container.name, need.container));
    }
  }
}

}  // namespace

TaskRecord make_record(const TaskSpec& spec) {
  check_spec(spec);
  TaskRecord record;
  record.spec = spec;
  record.status.arn = spec.arn;
  record.status.last_status = "PROVISIONING";
  if (!spec.task_role_arn.empty()) record.credentials_id = random_uuid();
  const bool fargate = spec.launch_type == "FARGATE";
  for (const auto& container : spec.containers) {
    ContainerRecord made;
    made.status.name = container.name;
    made.status.container_arn = container.container_arn;
    made.status.image = container.image;
    made.token = fargate ? spec.id + "-" + digits(10) : random_uuid();
    if (fargate) made.status.runtime_id = made.token;
    made.docker_name = fmt::format("ecs-{}-{}-{}-{}", spec.family.empty() ? "task" : spec.family,
                                   spec.revision, container.name, random_hex(18));
    record.containers.push_back(std::move(made));
  }
  return record;
}

TaskStatus public_status(const TaskRecord& record) {
  TaskStatus status = record.status;
  for (const auto& container : record.containers) status.containers.push_back(container.status);
  return status;
}

size_t container_index(const TaskRecord& record, std::string_view name) {
  for (size_t i = 0; i < record.containers.size(); ++i) {
    if (record.containers[i].status.name == name) return i;
  }
  return no_container;
}

}  // namespace slipway::agent
