// What all Describe* calls of EC2 have in common: ids, filters (with * and ?), tags, pages.
#pragma once
#include "base/strings.h"
#include "ec2/model.h"

namespace slipway::ec2 {

using Values = std::vector<std::string>;

inline Values values(const std::optional<std::string>& text) {
  return text ? Values{*text} : Values{};
}
inline Values values(const std::optional<bool>& flag) {
  return flag ? Values{*flag ? "true" : "false"} : Values{};
}
inline Values values(const std::optional<int32_t>& number) {
  return number ? Values{std::to_string(*number)} : Values{};
}

// One kind of resource: where it is and which filters it knows.
template <typename Row>
struct ResourceKind {
  const store::Table<Row>& table;
  std::string_view what, code;  // of "The <what> ID 'x' does not exist"
  std::string (*id)(const Row&);
  std::map<std::string, Values (*)(const Row&), std::less<>> fields;
};

std::vector<e::Tag> tags_of(const store::Reader& db, const std::string& id);
// True when the filter is a tag filter, and then whether it fits.
struct TagMatch {
  bool is_tag_filter = false;
  bool fits = false;
};
TagMatch match_tags(const std::vector<e::Tag>& tags, const e::Filter& filter);
bool match_values(const Values& found, const e::Filter& filter);
// Cuts what follows a page off and makes its token.
size_t page_start(const std::vector<std::string>& ids, const std::optional<std::string>& token);
std::string page_token(const std::string& last_id);

template <typename Row>
bool fits(const aws::Context& c, const ResourceKind<Row>& kind, const Row& row,
          const std::optional<std::vector<e::Filter>>& filters) {
  if (!filters) return true;
  for (const auto& filter : *filters) {
    const std::string name = filter.Name.value_or("");
    if (const auto field = kind.fields.find(name); field != kind.fields.end()) {
      if (!match_values(field->second(row), filter)) return false;
      continue;
    }
    const auto tagged = match_tags(tags_of(*c.db, kind.id(row)), filter);
    if (!tagged.is_tag_filter)
      throw error("InvalidParameterValue", "The filter '{}' is invalid", name);
    if (!tagged.fits) return false;
  }
  return true;
}

// The rows that a Describe call asks for. Result: the response; its NextToken is set.
template <typename Row, typename In, typename Result>
std::vector<std::shared_ptr<const Row>> select(const aws::Context& c, const ResourceKind<Row>& kind,
                                               const std::optional<std::vector<std::string>>& ids,
                                               const In& in, Result& out) {
  std::set<std::string> wanted;
  if (ids) {
    for (const auto& id : *ids) wanted.insert(id);
  }
  std::vector<std::shared_ptr<const Row>> found;
  for (auto& row : rows_of(c, kind.table)) {
    const bool named = wanted.erase(kind.id(*row)) > 0;
    if (ids && !ids->empty() && !named) continue;
    if (fits(c, kind, *row, in.Filters)) found.push_back(std::move(row));
  }
  if (!wanted.empty())
    throw error(kind.code, "The {} ID '{}' does not exist", kind.what, *wanted.begin());
  // Even an empty result refuses a filter that does not exist.
  if (found.empty()) fits(c, kind, Row{}, in.Filters);
  if constexpr (requires {
                  in.NextToken;
                  in.MaxResults;
                  out.NextToken;
                }) {
    std::sort(found.begin(), found.end(),
              [&](const auto& a, const auto& b) { return kind.id(*a) < kind.id(*b); });
    std::vector<std::string> order;
    for (const auto& row : found) order.push_back(kind.id(*row));
    const size_t start = page_start(order, in.NextToken);
    found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(start));
    const size_t limit = in.MaxResults ? static_cast<size_t>(std::max(*in.MaxResults, 1)) : 1000;
    if (found.size() > limit) {
      found.resize(limit);
      out.NextToken = page_token(kind.id(*found.back()));
    }
  }
  return found;
}

// Stores the tags of a resource that is being made. Throws when a specification is for another
// type.
void tag_new(const aws::Context& c, std::string_view type, const std::string& id,
             const std::optional<std::vector<e::TagSpecification>>& specifications);
void put_tags(const aws::Context& c, std::string_view type, const std::string& id,
              const std::vector<e::Tag>& added);
void forget_tags(const aws::Context& c, const std::string& id);
// Shapes say nothing about empty lists.
std::optional<std::vector<e::Tag>> shown_tags(const aws::Context& c, const std::string& id);

}  // namespace slipway::ec2
