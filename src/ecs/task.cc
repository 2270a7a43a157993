#include "ecs/task.h"

#include "aws/page.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "ec2/network.h"
#include "ecs/task_definition.h"

namespace slipway::ecs {
namespace {

std::string task_id(const aws::Context& c, const std::string& cluster,
                    const std::string& reference) {
  return id_in_cluster(c, "task", cluster, reference);
}

void check_overrides(const shape::TaskOverride& overrides,
                     const shape::TaskDefinition& definition) {
  if (nlohmann::json(overrides).dump().size() > 8192) {
    throw shape::InvalidParameterException("Overrides must have at most 8192 characters.");
  }
  for (const auto& entry :
       overrides.containerOverrides.value_or(std::vector<shape::ContainerOverride>())) {
    const auto& list = *definition.containerDefinitions;
    if (std::none_of(list.begin(), list.end(),
                     [&](const auto& container) { return container.name == entry.name; })) {
      throw shape::InvalidParameterException(
          fmt::format("Override for container named {} is not a container in the TaskDefinition.",
                      entry.name.value_or("")));
    }
    if ((entry.environmentFiles && !entry.environmentFiles->empty()) ||
        (entry.resourceRequirements && !entry.resourceRequirements->empty())) {
      throw shape::UnsupportedFeatureException(
          "Overrides of environmentFiles and resourceRequirements are not implemented.");
    }
  }
}

// Sizes as the definition would store them.
shape::TaskOverride normalised_overrides(shape::TaskOverride overrides,
                                         const shape::TaskDefinition& definition) {
  if (!overrides.cpu && !overrides.memory) return overrides;
  const auto cpu = parse_cpu(overrides.cpu ? *overrides.cpu : definition.cpu.value_or("0"));
  const auto memory =
      parse_memory(overrides.memory ? *overrides.memory : definition.memory.value_or("0"));
  if (!cpu || !memory || !valid_fargate_size(*cpu, *memory)) {
    throw shape::ClientException("No Fargate configuration exists for given values.");
  }
  if (overrides.cpu) overrides.cpu = std::to_string(*cpu);
  if (overrides.memory) overrides.memory = std::to_string(*memory);
  return overrides;
}

// The request's own tags win over those propagated.
Tags task_tags(const shape::RunTaskRequest& in, const TaskDefinitionRecord& definition,
               const std::string& cluster) {
  Tags out = in.tags.value_or(Tags());
  check_tags(out);
  if (in.propagateTags == "SERVICE") {
    throw shape::InvalidParameterException(
        "Tags cannot be propagated from a service when a task is run directly.");
  }
  if (in.propagateTags == "TASK_DEFINITION") {
    for (const auto& inherited : definition.tags) {
      if (std::none_of(out.begin(), out.end(),
                       [&](const auto& own) { return own.key == inherited.key; })) {
        out.push_back(inherited);
      }
    }
  }
  if (in.enableECSManagedTags.value_or(false)) out.push_back(tag("aws:ecs:clusterName", cluster));
  return out;
}

std::shared_ptr<const TaskDefinitionRecord> runnable_definition(const aws::Context& c,
                                                                const std::string& reference) {
  auto found = find_definition(*c.db, c.region, reference);
  if (!found) throw shape::ClientException("TaskDefinition not found.");
  if (found->definition.status != "ACTIVE") {
    throw shape::ClientException("TaskDefinition is inactive");
  }
  return found;
}

// What an earlier call with the same client token has made.
std::optional<shape::RunTaskResponse> replay(const aws::Context& c, const std::string& key,
                                             const std::string& digest,
                                             const std::string& cluster) {
  const auto token = tokens.get(*c.db, key);
  if (!token) return std::nullopt;
  if (token->request_digest != digest) {
    throw shape::ConflictException("The client token was used before with other parameters.",
                                   nlohmann::json{{"resourceIds", token->arns}}.dump());
  }
  shape::RunTaskResponse out;
  out.tasks.emplace();
  out.failures.emplace();
  for (const auto& arn : token->arns) {
    if (const auto task = tasks.get(*c.db, task_key(c.region, cluster, last_segment(arn)))) {
      out.tasks->push_back(present(*task, true));
    }
  }
  return out;
}

NewTask new_task(const aws::Context& c, const shape::RunTaskRequest& in,
                 const TaskDefinitionRecord& definition, const std::string& cluster,
                 const Compute& compute) {
  NewTask wanted;
  wanted.region = c.region;
  wanted.account = c.account;
  wanted.cluster = cluster;
  wanted.group = in.group.value_or("family:" + *definition.definition.family);
  wanted.started_by = in.startedBy.value_or("");
  wanted.launch_type = compute.launch_type;
  wanted.platform_version = in.platformVersion.value_or("");
  wanted.execute_command = in.enableExecuteCommand.value_or(false);
  wanted.overrides =
      normalised_overrides(in.overrides.value_or(shape::TaskOverride()), definition.definition);
  wanted.tags = task_tags(in, definition, cluster);
  const auto& vpc = *in.networkConfiguration->awsvpcConfiguration;
  wanted.security_groups = vpc.securityGroups.value_or(std::vector<std::string>());
  return wanted;
}

void check_run_task(const shape::RunTaskRequest& in) {
  const int32_t count = in.count.value_or(1);
  if (count < 1 || count > 10) {
    throw shape::InvalidParameterException("Count must be between 1 and 10.");
  }
  if (in.startedBy && in.startedBy->size() > 128) {
    throw shape::InvalidParameterException("startedBy must have at most 128 characters.");
  }
  if (in.group && in.group->starts_with("service:")) {
    throw shape::InvalidParameterException("Invalid namespace for group.");
  }
  if (in.volumeConfigurations && !in.volumeConfigurations->empty()) {
    throw shape::UnsupportedFeatureException("volumeConfigurations is not implemented.");
  }
}

// Makes the tasks, over the subnets in turn; a full subnet is a failure of that task.
shape::RunTaskResponse create_tasks(const aws::Context& c, const shape::RunTaskRequest& in,
                                    const TaskDefinitionRecord& definition,
                                    const std::string& cluster, const Compute& compute) {
  shape::RunTaskResponse out;
  out.tasks.emplace();
  out.failures.emplace();
  NewTask wanted = new_task(c, in, definition, cluster, compute);
  const auto subnets = *in.networkConfiguration->awsvpcConfiguration->subnets;
  std::map<std::string, int> by_provider;
  const size_t first = random_u64() % subnets.size();
  for (int32_t i = 0; i < in.count.value_or(1); ++i) {
    wanted.id = random_hex(32);
    wanted.capacity_provider = choose_provider(compute.strategy, by_provider);
    ++by_provider[wanted.capacity_provider];
    TaskRecord record = make_task(wanted, definition.definition, c.now);
    try {
      attach_interface(*c.db, record, subnets[(first + static_cast<size_t>(i)) % subnets.size()],
                       wanted.security_groups);
    } catch (const Error& e) {
      shape::Failure failure;
      failure.reason = "RESOURCE:ENI";
      failure.detail = e.what();
      out.failures->push_back(failure);
      continue;
    }
    tasks.put(*c.db, key_of(record), record);
    out.tasks->push_back(present(record, true));
  }
  return out;
}

}  // namespace

shape::RunTaskResponse run_task(Ecs&, aws::Context& c, const shape::RunTaskRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  const auto cluster_record = need_cluster(c, cluster);
  check_run_task(in);
  const std::string digest = sha256_hex(nlohmann::json(in).dump());
  const std::string token_key =
      cluster_key(c.region, cluster) + "/" + sha256_hex(in.clientToken.value_or(""));
  if (in.clientToken) {
    if (auto earlier = replay(c, token_key, digest, cluster)) return *earlier;
  }
  const auto definition = runnable_definition(c, in.taskDefinition.value_or(""));
  const Compute compute =
      choose_compute(cluster_record->cluster, in.launchType, in.capacityProviderStrategy);
  if (compute.launch_type == "EC2") {
    throw shape::InvalidParameterException("No Container Instances were found in your cluster.");
  }
  check_compatible(definition->definition, compute.launch_type);
  check_network(*c.db, in.networkConfiguration);
  check_overrides(in.overrides.value_or(shape::TaskOverride()), definition->definition);
  auto out = create_tasks(c, in, *definition, cluster, compute);
  if (in.clientToken) {
    TokenRecord token{digest, {}, to_us(c.now)};
    for (const auto& task : *out.tasks) token.arns.push_back(*task.taskArn);
    tokens.put(*c.db, token_key, token);
  }
  return out;
}

shape::StopTaskResponse stop_task(Ecs&, aws::Context& c, const shape::StopTaskRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  const std::string id = task_id(c, cluster, in.task.value_or(""));
  const auto found = tasks.get(*c.db, task_key(c.region, cluster, id));
  if (!found) throw shape::InvalidParameterException("The referenced task was not found.");
  TaskRecord record = *found;
  if (record.task.desiredStatus != "STOPPED") {
    request_stop(*c.db, record, "UserInitiated", in.reason.value_or("Task stopped by user"), c.now);
    record.tags.clear();
    tasks.put(*c.db, key_of(record), record);
  }
  return {present(record, true)};
}

shape::DescribeTasksResponse describe_tasks(Ecs&, aws::Context& c,
                                            const shape::DescribeTasksRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  const auto wanted = in.tasks.value_or(std::vector<std::string>());
  if (wanted.empty()) throw shape::InvalidParameterException("Tasks cannot be empty.");
  if (wanted.size() > 100) {
    throw shape::InvalidParameterException("Tasks cannot have more than 100 elements.");
  }
  const auto include = in.include.value_or(std::vector<std::string>());
  const bool with_tags = std::find(include.begin(), include.end(), "TAGS") != include.end();
  shape::DescribeTasksResponse out;
  out.tasks.emplace();
  out.failures.emplace();
  for (const auto& reference : wanted) {
    const std::string id = task_id(c, cluster, reference);
    if (const auto record = tasks.get(*c.db, task_key(c.region, cluster, id))) {
      out.tasks->push_back(present(*record, with_tags));
    } else {
      shape::Failure failure;
      failure.arn = c.arn("ecs", fmt::format("task/{}/{}", cluster, id));
      failure.reason = "MISSING";
      out.failures->push_back(failure);
    }
  }
  return out;
}

shape::ListTasksResponse list_tasks(Ecs&, aws::Context& c, const shape::ListTasksRequest& in) {
  const std::string cluster = cluster_name(in.cluster);
  need_cluster(c, cluster);
  if (in.startedBy && (in.family || in.serviceName || in.containerInstance || in.launchType)) {
    throw shape::InvalidParameterException("startedBy must be the only filter.");
  }
  const std::string service = in.serviceName ? last_segment(*in.serviceName) : "";
  if (in.serviceName && !services.get(*c.db, service_key(c.region, cluster, service))) {
    throw shape::ServiceNotFoundException("Service not found.");
  }
  const std::string desired = in.desiredStatus.value_or("RUNNING");
  std::vector<std::string> arns;
  for (const auto& record : tasks.scan(*c.db, cluster_key(c.region, cluster) + "/")) {
    const auto& task = record->task;
    const auto family = split_once(last_segment(task.taskDefinitionArn.value_or("")), ':').first;
    if (task.desiredStatus != desired || (in.family && *in.family != family) ||
        (in.serviceName && record->service != service) ||
        (in.startedBy && task.startedBy != in.startedBy) ||
        (in.launchType && task.launchType != in.launchType) || in.containerInstance) {
      continue;
    }
    arns.push_back(*task.taskArn);
  }
  auto page = aws::paginate(
      "ecs.tasks", arns, [](const auto& arn) { return arn; }, in.nextToken,
      page_size(in.maxResults, 100));
  shape::ListTasksResponse out;
  out.taskArns = std::move(page.items);
  out.nextToken = page.next;
  return out;
}

}  // namespace slipway::ecs
