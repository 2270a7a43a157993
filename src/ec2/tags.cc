// Tags of all resources, and matching of filters.
#include "base/error.h"
#include "codec/hash.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

constexpr size_t kMaxTags = 50;

struct TypeOfPrefix {
  std::string_view prefix, type;
};
constexpr TypeOfPrefix kTypes[] = {
    {"vpc-", "vpc"},           {"subnet-", "subnet"},
    {"sg-", "security-group"}, {"sgr-", "security-group-rule"},
    {"rtb-", "route-table"},   {"igw-", "internet-gateway"},
    {"acl-", "network-acl"},   {"eni-", "network-interface"},
    {"dopt-", "dhcp-options"},
};

bool exists(const aws::Context& c, const std::string& id, std::string_view type) {
  auto in = [&](const auto& table) {
    const auto row = table.get(*c.db, id);
    return row && row->region == c.region;
  };
  if (type == "vpc") return in(vpcs);
  if (type == "subnet") return in(subnets);
  if (type == "security-group") return in(security_groups);
  if (type == "route-table") return in(route_tables);
  if (type == "internet-gateway") return in(gateways);
  if (type == "network-acl") return in(acls);
  if (type == "network-interface") return in(interfaces);
  if (type == "dhcp-options") return in(dhcp_options);
  for (const auto& rule : rules.scan(*c.db)) {
    if (*rule->shape.SecurityGroupRuleId == id) return rule->region == c.region;
  }
  return false;
}

std::string_view type_of(const aws::Context& c, const std::string& id) {
  for (const auto& [prefix, type] : kTypes) {
    if (id.starts_with(prefix)) {
      if (exists(c, id, type)) return type;
      break;
    }
  }
  throw error("InvalidID", "The ID '{}' is not valid", id);
}

}  // namespace

std::vector<e::Tag> tags_of(const store::Reader& db, const std::string& id) {
  std::vector<e::Tag> out;
  for (const auto& row : tags.scan(db, id + "/")) {
    auto& tag = out.emplace_back();
    tag.Key = row->key;
    tag.Value = row->value;
  }
  return out;
}

std::optional<std::vector<e::Tag>> shown_tags(const aws::Context& c, const std::string& id) {
  auto found = tags_of(*c.db, id);
  if (found.empty()) return std::nullopt;
  return found;
}

bool match_values(const Values& found, const e::Filter& filter) {
  if (!filter.Values) return false;
  for (const auto& wanted : *filter.Values) {
    for (const auto& value : found) {
      if (glob_match(wanted, value)) return true;
    }
  }
  return false;
}

TagMatch match_tags(const std::vector<e::Tag>& all, const e::Filter& filter) {
  const std::string name = filter.Name.value_or("");
  Values found;
  if (name == "tag-key") {
    for (const auto& tag : all) found.push_back(*tag.Key);
  } else if (name == "tag-value") {
    for (const auto& tag : all) found.push_back(*tag.Value);
  } else if (name.starts_with("tag:")) {
    for (const auto& tag : all) {
      if (*tag.Key == name.substr(4)) found.push_back(*tag.Value);
    }
  } else {
    return {};
  }
  return {true, match_values(found, filter)};
}

size_t page_start(const std::vector<std::string>& ids, const std::optional<std::string>& token) {
  if (!token || token->empty()) return 0;
  try {
    const std::string last = base64_decode(*token);
    return static_cast<size_t>(std::upper_bound(ids.begin(), ids.end(), last) - ids.begin());
  } catch (const Error&) {
    throw error("InvalidPaginationToken", "The pagination token '{}' is not valid", *token);
  }
}

std::string page_token(const std::string& last_id) {
  return base64url_encode(last_id);
}

void put_tags(const aws::Context& c, std::string_view type, const std::string& id,
              const std::vector<e::Tag>& added) {
  for (const auto& tag : added) {
    const std::string key = tag.Key.value_or("");
    const std::string value = tag.Value.value_or("");
    if (key.empty()) throw error("InvalidParameterValue", "Tag keys must not be empty");
    if (key.starts_with("aws:")) {
      throw error("InvalidParameterValue",
                  "Tag keys starting with 'aws:' are reserved for internal use");
    }
    if (key.size() > 127 || value.size() > 255) {
      throw error("InvalidParameterValue",
                  "Tag key or value exceeds the maximum length (127 and 255 characters): '{}'",
                  key.substr(0, 140));
    }
    tags.put(*c.db, id + "/" + key, {c.region, id, std::string(type), key, value});
  }
  if (tags.scan(*c.db, id + "/").size() > kMaxTags)
    throw error("TagLimitExceeded", "The maximum number of tags ({}) was exceeded", kMaxTags);
}

void tag_new(const aws::Context& c, std::string_view type, const std::string& id,
             const std::optional<std::vector<e::TagSpecification>>& specifications) {
  if (!specifications) return;
  for (const auto& specification : *specifications) {
    const std::string wanted = specification.ResourceType.value_or("");
    if (wanted != type) {
      throw error("InvalidParameterValue",
                  "'{}' is not a valid taggable resource type for this operation.", wanted);
    }
    put_tags(c, type, id, specification.Tags.value_or(std::vector<e::Tag>{}));
  }
}

void forget_tags(const aws::Context& c, const std::string& id) {
  for (const auto& row : tags.scan(*c.db, id + "/")) tags.erase(*c.db, id + "/" + row->key);
}

e::CreateTagsResponse create_tags(Ec2&, aws::Context& c, const e::CreateTagsRequest& in) {
  for (const auto& id : *in.Resources) put_tags(c, type_of(c, id), id, *in.Tags);
  return {};
}

e::DeleteTagsResponse delete_tags(Ec2&, aws::Context& c, const e::DeleteTagsRequest& in) {
  for (const auto& id : *in.Resources) {
    type_of(c, id);
    if (!in.Tags || in.Tags->empty()) {
      forget_tags(c, id);
      continue;
    }
    for (const auto& tag : *in.Tags) {
      const std::string key = id + "/" + tag.Key.value_or("");
      const auto row = tags.get(*c.db, key);
      if (row && (!tag.Value || *tag.Value == row->value)) tags.erase(*c.db, key);
    }
  }
  return {};
}

e::DescribeTagsResult describe_tags(Ec2&, aws::Context& c, const e::DescribeTagsRequest& in) {
  static const ResourceKind<TagRow> kKind{
      tags,
      "tag",
      "InvalidID",
      [](const TagRow& row) { return row.resource + "/" + row.key; },
      {{"key", [](const TagRow& row) { return Values{row.key}; }},
       {"value", [](const TagRow& row) { return Values{row.value}; }},
       {"resource-id", [](const TagRow& row) { return Values{row.resource}; }},
       {"resource-type", [](const TagRow& row) { return Values{row.type}; }}}};
  e::DescribeTagsResult out;
  out.Tags.emplace();
  // "tag:<key>" filters speak of the tag itself here.
  auto request = in;
  std::vector<e::Filter> by_key;
  if (request.Filters) {
    std::erase_if(*request.Filters, [&](const e::Filter& filter) {
      if (!filter.Name.value_or("").starts_with("tag:")) return false;
      by_key.push_back(filter);
      return true;
    });
  }
  for (const auto& row : select(c, kKind, {}, request, out)) {
    auto fits = [&](const e::Filter& filter) {
      return row->key == filter.Name->substr(4) && match_values({row->value}, filter);
    };
    if (!std::all_of(by_key.begin(), by_key.end(), fits)) continue;
    auto& tag = out.Tags->emplace_back();
    tag.Key = row->key;
    tag.Value = row->value;
    tag.ResourceId = row->resource;
    tag.ResourceType = row->type;
  }
  return out;
}

}  // namespace slipway::ec2
