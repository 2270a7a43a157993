#include "ecs/tags.h"

namespace slipway::ecs {
namespace {

// Reads the tags of what the ARN names and, when change is given, writes what it makes of them.
using Change = std::function<void(Tags&)>;

template <typename Record, typename Get>
Tags change_record(store::Writer& db, const store::Table<Record>& table, const std::string& key,
                   std::shared_ptr<const Record> found, const Change& change, Get tags_of) {
  Record record = *found;
  Tags& tags = tags_of(record);
  if (change) {
    change(tags);
    check_tags(tags);
    table.put(db, key, record);
  }
  return tags;
}

[[noreturn]] void missing(const char* what) {
  throw shape::InvalidParameterException(
      fmt::format("The specified {} is inactive or does not exist. Specify an active {} and try "
                  "again.",
                  what, what));
}

Tags& in_place(std::optional<Tags>& tags) {
  if (!tags) tags.emplace();
  return *tags;
}

Tags with_tags(aws::Context& c, const std::string& arn, const Change& change) {
  const Resource resource = parse_arn(c, arn);
  const auto& parts = resource.parts;
  auto& db = *c.db;
  if (resource.kind == "cluster" && parts.size() == 1) {
    const std::string key = cluster_key(c.region, parts[0]);
    return change_record(db, clusters, key, need_cluster(c, parts[0]), change,
                         [](auto& r) -> Tags& { return in_place(r.cluster.tags); });
  }
  if (resource.kind == "service" && parts.size() == 2) {
    const std::string key = service_key(c.region, parts[0], parts[1]);
    auto found = services.get(db, key);
    if (!found || found->service.status == "INACTIVE") missing("service");
    return change_record(db, services, key, found, change,
                         [](auto& r) -> Tags& { return in_place(r.service.tags); });
  }
  if (resource.kind == "task" && parts.size() == 2) {
    const std::string key = task_key(c.region, parts[0], parts[1]);
    auto found = tasks.get(db, key);
    if (!found) missing("task");
    return change_record(db, tasks, key, found, change, [](auto& r) -> Tags& { return r.tags; });
  }
  if (resource.kind == "task-definition" && parts.size() == 1) {
    auto found = find_definition(db, c.region, arn);
    if (!found || parts[0].find(':') == std::string::npos) missing("task definition");
    const std::string key =
        definition_key(c.region, *found->definition.family, *found->definition.revision);
    return change_record(db, task_definitions, key, found, change,
                         [](auto& r) -> Tags& { return r.tags; });
  }
  throw shape::InvalidParameterException("Invalid identifier: " + arn.substr(0, 300));
}

// --- account settings ---

const std::map<std::string, std::string>& setting_defaults() {
  static const std::map<std::string, std::string> defaults = {
      {"awsvpcTrunking", "disabled"},
      {"containerInsights", "disabled"},
      {"containerInstanceLongArnFormat", "enabled"},
      {"defaultLogDriverMode", "non-blocking"},
      {"fargateEventWindows", "disabled"},
      {"fargateFIPSMode", "disabled"},
      {"fargateTaskRetirementWaitPeriod", "7"},
      {"guardDutyActivate", "off"},
      {"serviceLongArnFormat", "enabled"},
      {"tagResourceAuthorization", "off"},
      {"taskLongArnFormat", "enabled"},
  };
  return defaults;
}

void check_setting(const std::string& name) {
  if (!setting_defaults().contains(name)) {
    throw shape::InvalidParameterException("Invalid setting name: " + name.substr(0, 100));
  }
}

std::string setting_key(const aws::Context& c, const std::string& principal,
                        const std::string& name) {
  return fmt::format("{}/{}|{}", c.region, principal, name);
}

shape::Setting make_setting(const std::string& name, const std::string& value,
                            const std::string& principal) {
  shape::Setting out;
  out.name = name;
  out.value = value;
  out.principalArn = principal;
  out.type = name == "guardDutyActivate" ? "aws_managed" : "user";
  return out;
}

shape::Setting put_setting(aws::Context& c, const std::string& principal, const std::string& name,
                           const std::string& value) {
  check_setting(name);
  if (value.empty() || value.size() > 100) {
    throw shape::InvalidParameterException("Invalid setting value.");
  }
  settings.put(*c.db, setting_key(c, principal, name), {value});
  return make_setting(name, value, principal.empty() ? c.principal_arn : principal);
}

}  // namespace

shape::TagResourceResponse tag_resource(Ecs&, aws::Context& c,
                                        const shape::TagResourceRequest& in) {
  const Tags added = in.tags.value_or(Tags());
  check_tags(added);
  with_tags(c, in.resourceArn.value_or(""), [&](Tags& tags) {
    for (const auto& tag : added) {
      auto same = std::find_if(tags.begin(), tags.end(),
                               [&](const auto& old) { return old.key == tag.key; });
      if (same == tags.end()) {
        tags.push_back(tag);
      } else {
        *same = tag;
      }
    }
  });
  return {};
}

shape::UntagResourceResponse untag_resource(Ecs&, aws::Context& c,
                                            const shape::UntagResourceRequest& in) {
  const auto keys = in.tagKeys.value_or(std::vector<std::string>());
  with_tags(c, in.resourceArn.value_or(""), [&](Tags& tags) {
    std::erase_if(tags, [&](const auto& tag) {
      return std::find(keys.begin(), keys.end(), tag.key.value_or("")) != keys.end();
    });
  });
  return {};
}

shape::ListTagsForResourceResponse list_tags_for_resource(
    Ecs&, aws::Context& c, const shape::ListTagsForResourceRequest& in) {
  shape::ListTagsForResourceResponse out;
  out.tags = with_tags(c, in.resourceArn.value_or(""), {});
  return out;
}

shape::PutAccountSettingResponse put_account_setting(Ecs&, aws::Context& c,
                                                     const shape::PutAccountSettingRequest& in) {
  return {put_setting(c, in.principalArn.value_or(c.principal_arn), in.name.value_or(""),
                      in.value.value_or(""))};
}

shape::PutAccountSettingDefaultResponse put_account_setting_default(
    Ecs&, aws::Context& c, const shape::PutAccountSettingDefaultRequest& in) {
  return {put_setting(c, "", in.name.value_or(""), in.value.value_or(""))};
}

shape::DeleteAccountSettingResponse delete_account_setting(
    Ecs&, aws::Context& c, const shape::DeleteAccountSettingRequest& in) {
  const std::string name = in.name.value_or("");
  check_setting(name);
  const std::string principal = in.principalArn.value_or(c.principal_arn);
  const std::string key = setting_key(c, principal, name);
  const auto found = settings.get(*c.db, key);
  settings.erase(*c.db, key);
  return {make_setting(name, found ? found->value : "", principal)};
}

shape::ListAccountSettingsResponse list_account_settings(
    Ecs&, aws::Context& c, const shape::ListAccountSettingsRequest& in) {
  if (in.name) check_setting(*in.name);
  const std::string principal = in.principalArn.value_or(c.principal_arn);
  shape::ListAccountSettingsResponse out;
  out.settings.emplace();
  for (const auto& [name, fallback] : setting_defaults()) {
    if (in.name && *in.name != name) continue;
    const auto own = settings.get(*c.db, setting_key(c, principal, name));
    const auto common = settings.get(*c.db, setting_key(c, "", name));
    if (!in.effectiveSettings.value_or(false) && !own) continue;
    const std::string value = own ? own->value : common ? common->value : fallback;
    if (in.value && *in.value != value) continue;
    out.settings->push_back(make_setting(name, value, principal));
  }
  return out;
}

}  // namespace slipway::ecs
