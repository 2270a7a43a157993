#include "ecs/names.h"

#include "base/ids.h"
#include "base/strings.h"

namespace slipway::ecs {

std::string last_segment(std::string_view reference) {
  const auto slash = reference.rfind('/');
  return std::string(slash == std::string_view::npos ? reference : reference.substr(slash + 1));
}

std::string cluster_name(const std::optional<std::string>& reference) {
  if (!reference || reference->empty()) return "default";
  return last_segment(*reference);
}

std::shared_ptr<const ClusterRecord> need_cluster(const aws::Context& c, const std::string& name) {
  auto found = clusters.get(*c.db, cluster_key(c.region, name));
  if (!found || found->cluster.status == "INACTIVE") {
    throw shape::ClusterNotFoundException("Cluster not found.");
  }
  return found;
}

std::shared_ptr<const TaskDefinitionRecord> find_definition(const store::Reader& db,
                                                            const std::string& region,
                                                            const std::string& reference) {
  const auto [family, revision] = split_once(last_segment(reference), ':');
  if (!valid_name(family)) return nullptr;
  if (!revision.empty()) {
    const auto number = parse_int(revision);
    if (!number || *number < 1 || *number > 1'000'000'000) return nullptr;
    return task_definitions.get(db, definition_key(region, family, static_cast<int32_t>(*number)));
  }
  std::shared_ptr<const TaskDefinitionRecord> newest;
  for (auto& record : task_definitions.scan(db, family_key(region, family) + "/")) {
    if (record->definition.status == "ACTIVE") newest = record;
  }
  return newest;
}

Resource parse_arn(const aws::Context& c, const std::string& arn) {
  const auto fields = split(arn, ':');
  // arn:aws:ecs:region:account:kind/part/part, where a task definition has one more colon
  if (fields.size() < 6 || fields[0] != "arn" || fields[2] != "ecs") {
    throw shape::InvalidParameterException("Invalid identifier: " + arn.substr(0, 300));
  }
  std::string rest = fields[5];
  for (size_t i = 6; i < fields.size(); ++i) rest += ':' + fields[i];
  auto parts = split(rest, '/');
  if (parts.size() < 2 || fields[3] != c.region || fields[4] != c.account) {
    throw shape::InvalidParameterException("Invalid identifier: " + arn.substr(0, 300));
  }
  Resource out;
  out.kind = parts[0];
  out.parts.assign(parts.begin() + 1, parts.end());
  return out;
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && only_alnum_and(name, "-_");
}

std::string id_in_cluster(const aws::Context& c, std::string_view kind, const std::string& cluster,
                          const std::string& reference) {
  if (!reference.starts_with("arn:")) return reference;
  const Resource resource = parse_arn(c, reference);
  if (resource.kind != kind || resource.parts.size() > 2) {
    throw shape::InvalidParameterException("Invalid identifier: " + reference.substr(0, 300));
  }
  if (resource.parts.size() == 2 && resource.parts[0] != cluster) {
    throw shape::InvalidParameterException(
        fmt::format("Invalid identifier: Identifier is for cluster {}. Your cluster is {}",
                    resource.parts[0], cluster));
  }
  return resource.parts.back();
}

void check_tags(const Tags& tags) {
  if (tags.size() > 50) {
    throw shape::InvalidParameterException("The number of tags exceeds the limit of 50.");
  }
  std::set<std::string> seen;
  for (const auto& tag : tags) {
    const std::string key = tag.key.value_or("");
    if (key.empty() || key.size() > 128 || tag.value.value_or("").size() > 256) {
      throw shape::InvalidParameterException(
          "Tag keys must have 1 to 128 characters, tag values at most 256.");
    }
    if (to_lower(key).starts_with("aws:")) {
      throw shape::InvalidParameterException(
          "Tag keys that start with 'aws:' are reserved for system use.");
    }
    if (!seen.insert(key).second) {
      throw shape::InvalidParameterException("Duplicate tag keys found: " + key);
    }
  }
}

size_t page_size(const std::optional<int32_t>& max_results, int32_t fallback) {
  return static_cast<size_t>(std::clamp(max_results.value_or(fallback), 1, 100));
}

std::string random_deployment_id() {
  return fmt::format("ecs-svc/{:019}",
                     1'000'000'000'000'000'000 + random_u64() % 8'000'000'000'000'000'000);
}

}  // namespace slipway::ecs
