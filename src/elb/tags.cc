// Tags of load balancers, target groups, listeners and rules.
#include "elb/handlers.h"

namespace slipway::elb {
namespace {

// Runs fn on the tags of the resource; writes them back when fn returns true.
template <typename Fn>
void with_tags(aws::Context& c, const std::string& arn, Fn fn) {
  const auto change = [&](const auto& table, const auto& found) {
    auto row = *found;
    if (fn(row.tags)) table.put(*c.db, arn, row);
  };
  if (arn.find(":loadbalancer/") != std::string::npos) {
    change(load_balancers, need_load_balancer(c, arn));
  } else if (arn.find(":targetgroup/") != std::string::npos) {
    change(target_groups, need_target_group(c, arn));
  } else if (arn.find(":listener/") != std::string::npos) {
    change(listeners, need_listener(c, arn));
  } else if (arn.find(":listener-rule/") != std::string::npos) {
    change(rules, need_rule(c, arn));
  } else {
    throw validation("'{}' is not a valid resource ARN", arn);
  }
}

void check_count(const std::vector<std::string>& arns) {
  if (arns.empty() || arns.size() > 20) {
    throw validation("Between 1 and 20 resource ARNs must be specified, not {}", arns.size());
  }
}

}  // namespace

e::AddTagsOutput add_tags(Elb&, aws::Context& c, const e::AddTagsInput& in) {
  check_count(*in.ResourceArns);
  const Values added = tags_of(in.Tags);
  for (auto& arn : *in.ResourceArns) {
    with_tags(c, arn, [&](Values& tags) {
      for (auto& [key, value] : added) tags[key] = value;
      if (tags.size() > 50) throw e::TooManyTagsException("A resource can have at most 50 tags");
      return true;
    });
  }
  return {};
}

e::RemoveTagsOutput remove_tags(Elb&, aws::Context& c, const e::RemoveTagsInput& in) {
  check_count(*in.ResourceArns);
  for (auto& arn : *in.ResourceArns) {
    with_tags(c, arn, [&](Values& tags) {
      for (auto& key : *in.TagKeys) tags.erase(key);
      return true;
    });
  }
  return {};
}

e::DescribeTagsOutput describe_tags(Elb&, aws::Context& c, const e::DescribeTagsInput& in) {
  check_count(*in.ResourceArns);
  e::DescribeTagsOutput out;
  out.TagDescriptions.emplace();
  for (auto& arn : *in.ResourceArns) {
    auto& description = out.TagDescriptions->emplace_back();
    description.ResourceArn = arn;
    with_tags(c, arn, [&](const Values& tags) {
      description.Tags = shown_tags(tags);
      return false;
    });
  }
  return out;
}

}  // namespace slipway::elb
