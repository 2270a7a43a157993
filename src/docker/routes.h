// The route table of the API and the matching of paths against it.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "docker/call.h"

namespace slipway::docker {

struct Route {
  std::string_view method;
  // Segments; {x} takes one of them, {x...} one or more (image names contain slashes).
  std::string_view pattern;
  void (*handler)(Call&);
};

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string> vars;
};
// path: decoded, without the version. nullopt: no such page.
std::optional<Match> find_route(std::string_view method, std::string_view path);

// "/v1.41/info" -> (41, "/info"); without a version: the newest. Throws Error(invalid_argument)
// with the reference's words when the version is out of range.
std::pair<int, std::string> split_version(std::string_view path);

}  // namespace slipway::docker
