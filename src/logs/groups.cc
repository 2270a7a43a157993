// Log groups: life, listing, retention, tags.
#include "base/ids.h"
#include "base/strings.h"
#include "logs/model.h"

namespace slipway::logs {

namespace {

constexpr std::array kRetentionDays = {1,    3,    5,    7,    14,   30,  60,  90,
                                       120,  150,  180,  365,  400,  545, 731, 1096,
                                       1827, 2192, 2557, 2922, 3288, 3653};

m::LogGroup describe(Logs& self, const aws::Context& c, const Group& group) {
  m::LogGroup out;
  const std::string arn = c.arn("logs", "log-group:" + group.name);
  out.logGroupName = group.name;
  out.creationTime = group.created_ms;
  out.retentionInDays = group.retention_days;
  out.metricFilterCount = 0;
  out.arn = arn + ":*";
  out.logGroupArn = arn;
  out.storedBytes = self.impl().events.stored_bytes(group.uid);
  out.logGroupClass = group.log_class;
  out.deletionProtectionEnabled = group.deletion_protection;
  return out;
}

void change(aws::Context& c, const std::string& key, const std::function<void(Group&)>& edit) {
  Group group = *need_group(*c.db, key);
  edit(group);
  groups.put(*c.db, key, group);
}

// A page of groups by name, those that fit.
std::vector<std::shared_ptr<const Group>> page(const aws::Context& c, const std::string& prefix,
                                               const std::optional<std::string>& token,
                                               size_t limit,
                                               const std::function<bool(const Group&)>& fits,
                                               std::optional<std::string>& next) {
  const std::string after = token ? scope(c) + read_token(*token) : "";
  std::vector<std::shared_ptr<const Group>> out;
  for (const auto& group : groups.scan(*c.db, scope(c) + prefix, after)) {
    if (!fits(*group)) continue;
    if (out.size() == limit) {
      next = make_token(out.back()->name);
      break;
    }
    out.push_back(group);
  }
  return out;
}

}  // namespace

m::CreateLogGroupResponse create_group(Logs&, aws::Context& c, const m::CreateLogGroupRequest& in) {
  const std::string key = group_key(c, in.logGroupName);
  if (in.kmsKeyId) {
    throw m::InvalidParameterException(
        "kmsKeyId: encryption with KMS keys is not supported by Slipway");
  }
  if (groups.get(*c.db, key))
    throw m::ResourceAlreadyExistsException("The specified log group already exists");
  Group group{.name = *in.logGroupName, .uid = random_hex(16), .created_ms = to_epoch_ms(c.now)};
  group.log_class = in.logGroupClass.value_or("STANDARD");
  group.deletion_protection = in.deletionProtectionEnabled.value_or(false);
  if (in.tags) group.tags = with_tags({}, *in.tags);
  groups.put(*c.db, key, group);
  return {};
}

m::DeleteLogGroupResponse delete_group(Logs&, aws::Context& c, const m::DeleteLogGroupRequest& in) {
  const std::string key = group_key(c, in.logGroupName);
  if (need_group(*c.db, key)->deletion_protection) {
    throw m::ValidationException(
        "The log group has deletion protection: turn it off before deleting the group.");
  }
  for (const auto& stream : streams.scan(*c.db, key + ":"))
    streams.erase(*c.db, stream_key(key, stream->name));
  groups.erase(*c.db, key);  // the events go with the next sweep
  return {};
}

m::DescribeLogGroupsResponse describe_groups(Logs& self, aws::Context& c,
                                             const m::DescribeLogGroupsRequest& in) {
  if (in.logGroupNamePrefix && in.logGroupNamePattern) {
    throw m::InvalidParameterException(
        "logGroupNamePrefix and logGroupNamePattern are mutually exclusive.");
  }
  std::set<std::string> wanted;
  for (const auto& identifier : in.logGroupIdentifiers.value_or(std::vector<std::string>{}))
    wanted.insert(group_key(c, {}, identifier));
  m::DescribeLogGroupsResponse out;
  auto fits = [&](const Group& group) {
    if (in.logGroupClass && group.log_class != *in.logGroupClass) return false;
    if (!wanted.empty() && !wanted.contains(scope(c) + group.name)) return false;
    return group.name.find(in.logGroupNamePattern.value_or("")) != std::string::npos;
  };
  const auto found = page(c, in.logGroupNamePrefix.value_or(""), in.nextToken,
                          static_cast<size_t>(in.limit.value_or(50)), fits, out.nextToken);
  out.logGroups.emplace();
  for (const auto& group : found) out.logGroups->push_back(describe(self, c, *group));
  return out;
}

m::ListLogGroupsResponse list_groups(Logs&, aws::Context& c, const m::ListLogGroupsRequest& in) {
  m::ListLogGroupsResponse out;
  const std::string pattern = in.logGroupNamePattern.value_or("");
  // "^prefix" or a plain part of the name.
  const bool anchored = pattern.starts_with('^');
  const std::string part = pattern.substr(anchored ? 1 : 0);
  auto fits = [&](const Group& group) {
    if (in.logGroupClass && group.log_class != *in.logGroupClass) return false;
    return anchored ? group.name.starts_with(part) : group.name.find(part) != std::string::npos;
  };
  const auto found =
      page(c, "", in.nextToken, static_cast<size_t>(in.limit.value_or(50)), fits, out.nextToken);
  out.logGroups.emplace();
  for (const auto& group : found) {
    auto& entry = out.logGroups->emplace_back();
    entry.logGroupName = group->name;
    entry.logGroupArn = c.arn("logs", "log-group:" + group->name);
    entry.logGroupClass = group->log_class;
  }
  return out;
}

m::PutRetentionPolicyResponse put_retention(Logs&, aws::Context& c,
                                            const m::PutRetentionPolicyRequest& in) {
  const int days = *in.retentionInDays;
  if (std::find(kRetentionDays.begin(), kRetentionDays.end(), days) == kRetentionDays.end()) {
    throw m::InvalidParameterException(fmt::format(
        "1 validation error detected: Value '{}' at 'retentionInDays' failed to satisfy "
        "constraint: Member must satisfy enum value set: [{}]",
        days, fmt::join(kRetentionDays, ", ")));
  }
  change(c, group_key(c, in.logGroupName), [&](Group& group) { group.retention_days = days; });
  return {};
}

m::DeleteRetentionPolicyResponse delete_retention(Logs&, aws::Context& c,
                                                  const m::DeleteRetentionPolicyRequest& in) {
  change(c, group_key(c, in.logGroupName), [](Group& group) { group.retention_days.reset(); });
  return {};
}

m::TagResourceResponse tag_resource(Logs&, aws::Context& c, const m::TagResourceRequest& in) {
  change(c, group_key_of_arn(c, *in.resourceArn),
         [&](Group& group) { group.tags = with_tags(std::move(group.tags), *in.tags); });
  return {};
}

m::UntagResourceResponse untag_resource(Logs&, aws::Context& c, const m::UntagResourceRequest& in) {
  change(c, group_key_of_arn(c, *in.resourceArn), [&](Group& group) {
    for (const auto& key : *in.tagKeys) group.tags.erase(key);
  });
  return {};
}

m::ListTagsForResourceResponse list_tags(Logs&, aws::Context& c,
                                         const m::ListTagsForResourceRequest& in) {
  m::ListTagsForResourceResponse out;
  out.tags = need_group(*c.db, group_key_of_arn(c, *in.resourceArn))->tags;
  return out;
}

m::TagLogGroupResponse tag_group(Logs&, aws::Context& c, const m::TagLogGroupRequest& in) {
  change(c, group_key(c, in.logGroupName),
         [&](Group& group) { group.tags = with_tags(std::move(group.tags), *in.tags); });
  return {};
}

m::UntagLogGroupResponse untag_group(Logs&, aws::Context& c, const m::UntagLogGroupRequest& in) {
  change(c, group_key(c, in.logGroupName), [&](Group& group) {
    for (const auto& key : *in.tags) group.tags.erase(key);
  });
  return {};
}

m::ListTagsLogGroupResponse list_group_tags(Logs&, aws::Context& c,
                                            const m::ListTagsLogGroupRequest& in) {
  m::ListTagsLogGroupResponse out;
  out.tags = need_group(*c.db, group_key(c, in.logGroupName))->tags;
  return out;
}

}  // namespace slipway::logs
