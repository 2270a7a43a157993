// Tags of repositories, by ARN.
#include "base/strings.h"
#include "ecr/operations.h"

namespace slipway::ecr {

namespace {

constexpr size_t max_tags = 50;

registry::RepositoryPtr repository_of_arn(const aws::Context& c, const std::string& arn) {
  // arn:aws:ecr:<region>:<account>:repository/<name>
  const auto parts = split(arn, ':');
  constexpr std::string_view kind = "repository/";
  if (parts.size() != 6 || parts[0] != "arn" || parts[2] != "ecr" ||
      parts[5].compare(0, kind.size(), kind) != 0)
    throw api::InvalidParameterException(
        fmt::format("Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid "
                    "ARN' ({})",
                    arn.substr(0, 300)));
  return registry::get_repository(*c.db, {parts[4], parts[3]}, parts[5].substr(kind.size()));
}

api::TagResourceResponse tag_resource(Ecr&, aws::Context& c, const api::TagResourceRequest& in) {
  registry::Repository changed = *repository_of_arn(c, *in.resourceArn);
  for (const auto& [key, value] : checked_tags(in.tags)) {
    std::erase_if(changed.tags, [&, &key = key](const auto& known) { return known.first == key; });
    changed.tags.emplace_back(key, value);
  }
  if (changed.tags.size() > max_tags)
    throw api::TooManyTagsException(
        fmt::format("The repository would have {} tags; at most {} are allowed",
                    changed.tags.size(), max_tags));
  registry::update_repository(*c.db, changed);
  return {};
}

api::UntagResourceResponse untag_resource(Ecr&, aws::Context& c,
                                          const api::UntagResourceRequest& in) {
  registry::Repository changed = *repository_of_arn(c, *in.resourceArn);
  for (const auto& key : *in.tagKeys)
    std::erase_if(changed.tags, [&](const auto& known) { return known.first == key; });
  registry::update_repository(*c.db, changed);
  return {};
}

api::ListTagsForResourceResponse list_tags(Ecr&, aws::Context& c,
                                           const api::ListTagsForResourceRequest& in) {
  api::ListTagsForResourceResponse out;
  auto& list = out.tags.emplace();
  for (const auto& [key, value] : repository_of_arn(c, *in.resourceArn)->tags) {
    auto& tag = list.emplace_back();
    tag.Key = key;
    tag.Value = value;
  }
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> checked_tags(
    const std::optional<std::vector<api::Tag>>& tags) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!tags) return out;
  if (tags->size() > max_tags)
    throw api::TooManyTagsException(
        fmt::format("{} tags were given; at most {} are allowed", tags->size(), max_tags));
  std::set<std::string> keys;
  for (const auto& tag : *tags) {
    const std::string& key = *tag.Key;
    if (key.empty() || key.size() > 128 || tag.Value->size() > 256 ||
        to_lower(key).compare(0, 4, "aws:") == 0 || !keys.insert(key).second)
      throw api::InvalidTagParameterException(
          fmt::format("Tag key '{}' is not valid: keys are unique, 1 to 128 characters long and do "
                      "not begin with aws:, values have at most 256",
                      key.substr(0, 128)));
    out.emplace_back(key, *tag.Value);
  }
  return out;
}

void add_tags(Ecr& self, Rows& rows) {
  rows.push_back(row<api::op::TagResource>(self, tag_resource));
  rows.push_back(row<api::op::UntagResource>(self, untag_resource));
  rows.push_back(row<api::op::ListTagsForResource>(self, list_tags));
}

}  // namespace slipway::ecr
