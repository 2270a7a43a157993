// Pagination tokens: opaque to clients, the last key of the page to us. A token that we did not
// make is Error(invalid_argument), which the dispatcher turns into the service's validation error.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::aws {

// scope: what is listed ("ecs.clusters"), so that a token of another list is refused.
std::string make_token(std::string_view scope, std::string_view last_key);
std::string read_token(std::string_view scope, std::string_view token);

template <typename T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;  // token; absent on the last page
};

// One page of items that are sorted by key(item): those after the token's key, at most limit.
template <typename T, typename Key>
Page<T> paginate(std::string_view scope, const std::vector<T>& sorted, Key key,
                 const std::optional<std::string>& token, size_t limit) {
  Page<T> page;
  const bool from_start = !token || token->empty();
  const std::string after = from_start ? std::string() : read_token(scope, *token);
  for (auto& item : sorted) {
    if (!from_start && std::string_view(key(item)) <= after) continue;
    if (page.items.size() == limit) {
      page.next = make_token(scope, key(page.items.back()));
      break;
    }
    page.items.push_back(item);
  }
  return page;
}

}  // namespace slipway::aws
