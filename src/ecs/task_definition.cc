#include "ecs/task_definition.h"

#include "aws/page.h"

namespace slipway::ecs {
namespace {

std::shared_ptr<const TaskDefinitionRecord> need_definition(const aws::Context& c,
                                                            const std::string& reference) {
  auto found = find_definition(*c.db, c.region, reference);
  if (!found) throw shape::ClientException("Unable to describe task definition.");
  return found;
}

std::string key_of(const aws::Context& c, const TaskDefinitionRecord& record) {
  return definition_key(c.region, *record.definition.family, *record.definition.revision);
}

// Sorts the other way round: "b" before "ab" before "a".
std::string inverted(std::string key) {
  for (char& c : key) c = static_cast<char>(0xff - static_cast<unsigned char>(c));
  return key + '\xff';
}

}  // namespace

bool definition_in_use(const store::Reader& db, const std::string& region, const std::string& arn) {
  for (const auto& service : services.scan(db, region + "/")) {
    if (service->service.status == "INACTIVE") continue;
    for (const auto& deployment : service->deployments) {
      if (deployment.task_definition == arn) return true;
    }
  }
  for (const auto& task : tasks.scan(db, region + "/")) {
    if (task->task.taskDefinitionArn == arn && task->task.lastStatus != "STOPPED") return true;
  }
  return false;
}

shape::RegisterTaskDefinitionResponse register_task_definition(
    Ecs&, aws::Context& c, const shape::RegisterTaskDefinitionRequest& in) {
  TaskDefinitionRecord record;
  record.definition = normalised(in);
  record.tags = in.tags.value_or(Tags());
  check_tags(record.tags);
  const std::string family = *in.family;
  const auto counter = families.get(*c.db, family_key(c.region, family));
  const int32_t revision = (counter ? counter->last_revision : 0) + 1;
  if (revision > 1'000'000) {
    throw shape::ClientException("The family has reached its limit of 1000000 revisions.");
  }
  auto& definition = record.definition;
  definition.revision = revision;
  definition.taskDefinitionArn =
      c.arn("ecs", fmt::format("task-definition/{}:{}", family, revision));
  definition.status = "ACTIVE";
  definition.registeredAt = c.now;
  definition.registeredBy = c.principal_arn;
  families.put(*c.db, family_key(c.region, family), {revision});
  task_definitions.put(*c.db, key_of(c, record), record);
  shape::RegisterTaskDefinitionResponse out;
  out.taskDefinition = definition;
  out.tags = record.tags;
  return out;
}

shape::DescribeTaskDefinitionResponse describe_task_definition(
    Ecs&, aws::Context& c, const shape::DescribeTaskDefinitionRequest& in) {
  const auto record = need_definition(c, in.taskDefinition.value_or(""));
  shape::DescribeTaskDefinitionResponse out;
  out.taskDefinition = record->definition;
  const auto include = in.include.value_or(std::vector<std::string>());
  out.tags.emplace();
  if (std::find(include.begin(), include.end(), "TAGS") != include.end()) out.tags = record->tags;
  return out;
}

shape::DeregisterTaskDefinitionResponse deregister_task_definition(
    Ecs&, aws::Context& c, const shape::DeregisterTaskDefinitionRequest& in) {
  const std::string reference = in.taskDefinition.value_or("");
  if (last_segment(reference).find(':') == std::string::npos) {
    throw shape::ClientException("Invalid revision number. Number: null");
  }
  const auto found = find_definition(*c.db, c.region, reference);
  if (!found || found->definition.status == "DELETE_IN_PROGRESS") {
    throw shape::ClientException("The specified task definition does not exist.");
  }
  TaskDefinitionRecord record = *found;
  if (record.definition.status == "ACTIVE") {
    record.definition.status = "INACTIVE";
    record.definition.deregisteredAt = c.now;
    task_definitions.put(*c.db, key_of(c, record), record);
  }
  return {record.definition};
}

shape::DeleteTaskDefinitionsResponse delete_task_definitions(
    Ecs&, aws::Context& c, const shape::DeleteTaskDefinitionsRequest& in) {
  const auto wanted = in.taskDefinitions.value_or(std::vector<std::string>());
  if (wanted.empty() || wanted.size() > 10) {
    throw shape::InvalidParameterException("Specify 1 to 10 task definitions.");
  }
  shape::DeleteTaskDefinitionsResponse out;
  out.taskDefinitions.emplace();
  out.failures.emplace();
  for (const auto& reference : wanted) {
    const auto fail = [&](const char* reason) {
      shape::Failure failure;
      failure.arn = reference;
      failure.reason = reason;
      out.failures->push_back(failure);
    };
    const bool has_revision = last_segment(reference).find(':') != std::string::npos;
    const auto found = has_revision ? find_definition(*c.db, c.region, reference) : nullptr;
    if (!found) {
      fail(
          "The specified task definition identifier is invalid. Specify a valid name or ARN and "
          "try again.");
    } else if (found->definition.status == "ACTIVE") {
      fail(
          "The specified task definition is still in ACTIVE status. Please deregister the target "
          "and try again.");
    } else {
      TaskDefinitionRecord record = *found;
      record.definition.status = "DELETE_IN_PROGRESS";
      if (!record.definition.deleteRequestedAt) record.definition.deleteRequestedAt = c.now;
      task_definitions.put(*c.db, key_of(c, record), record);
      out.taskDefinitions->push_back(record.definition);
    }
  }
  return out;
}

shape::ListTaskDefinitionsResponse list_task_definitions(
    Ecs&, aws::Context& c, const shape::ListTaskDefinitionsRequest& in) {
  struct Entry {
    std::string key, arn;
  };
  const std::string status = in.status.value_or("ACTIVE");
  std::vector<Entry> entries;
  const std::string prefix =
      in.familyPrefix ? family_key(c.region, *in.familyPrefix) + "/" : c.region + "/";
  for (const auto& record : task_definitions.scan(*c.db, prefix)) {
    if (record->definition.status != status) continue;
    entries.push_back({key_of(c, *record), *record->definition.taskDefinitionArn});
  }
  if (in.sort == "DESC") {
    for (auto& entry : entries) entry.key = inverted(entry.key);
    std::reverse(entries.begin(), entries.end());
  }
  const auto page = aws::paginate(
      "ecs.task_definitions", entries, [](const Entry& e) { return e.key; }, in.nextToken,
      page_size(in.maxResults, 100));
  shape::ListTaskDefinitionsResponse out;
  out.taskDefinitionArns.emplace();
  for (const auto& entry : page.items) out.taskDefinitionArns->push_back(entry.arn);
  out.nextToken = page.next;
  return out;
}

shape::ListTaskDefinitionFamiliesResponse list_task_definition_families(
    Ecs&, aws::Context& c, const shape::ListTaskDefinitionFamiliesRequest& in) {
  std::map<std::string, bool> active;  // family -> has an ACTIVE revision
  const std::string prefix = family_key(c.region, in.familyPrefix.value_or(""));
  for (const auto& record : task_definitions.scan(*c.db, prefix)) {
    if (record->definition.status == "DELETE_IN_PROGRESS") continue;
    active[*record->definition.family] |= record->definition.status == "ACTIVE";
  }
  const std::string status = in.status.value_or("ALL");
  std::vector<std::string> names;
  for (const auto& [family, is_active] : active) {
    if (status == "ALL" || (status == "ACTIVE") == is_active) names.push_back(family);
  }
  auto page = aws::paginate(
      "ecs.families", names, [](const auto& name) { return name; }, in.nextToken,
      page_size(in.maxResults, 100));
  shape::ListTaskDefinitionFamiliesResponse out;
  out.families = std::move(page.items);
  out.nextToken = page.next;
  return out;
}

}  // namespace slipway::ecs
