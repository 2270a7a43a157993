#include "docker/routes.h"

#include "base/error.h"
#include "base/strings.h"
#include "docker/handlers.h"

namespace slipway::docker {
namespace {

// The first match counts.
constexpr Route kRoutes[] = {
    {"GET", "/_ping", ping},
    {"HEAD", "/_ping", ping},
    {"GET", "/version", version},
    {"GET", "/info", info},
    {"POST", "/auth", login},
    {"GET", "/events", events},
    {"GET", "/system/df", disk_usage},

    {"GET", "/containers/json", list_containers},
    {"POST", "/containers/create", create_container},
    {"POST", "/containers/prune", prune_containers},
    {"GET", "/containers/{id}/json", inspect_container},
    {"GET", "/containers/{id}/top", top_container},
    {"GET", "/containers/{id}/logs", container_logs},
    {"GET", "/containers/{id}/changes", container_changes},
    {"GET", "/containers/{id}/stats", container_stats},
    {"GET", "/containers/{id}/export", export_container},
    {"GET", "/containers/{id}/archive", get_archive},
    {"HEAD", "/containers/{id}/archive", stat_archive},
    {"PUT", "/containers/{id}/archive", put_archive},
    {"GET", "/containers/{id}/attach/ws", not_implemented},
    {"POST", "/containers/{id}/start", start_container},
    {"POST", "/containers/{id}/stop", stop_container},
    {"POST", "/containers/{id}/restart", restart_container},
    {"POST", "/containers/{id}/kill", kill_container},
    {"POST", "/containers/{id}/pause", pause_container},
    {"POST", "/containers/{id}/unpause", unpause_container},
    {"POST", "/containers/{id}/rename", rename_container},
    {"POST", "/containers/{id}/update", update_container},
    {"POST", "/containers/{id}/resize", resize_container},
    {"POST", "/containers/{id}/attach", attach_container},
    {"POST", "/containers/{id}/wait", wait_container},
    {"POST", "/containers/{id}/exec", create_exec},
    {"DELETE", "/containers/{id...}", remove_container},  // rm --link: consumer/alias
    {"POST", "/commit", commit_container},

    {"POST", "/exec/{id}/start", start_exec},
    {"POST", "/exec/{id}/resize", resize_exec},
    {"GET", "/exec/{id}/json", inspect_exec},

    {"GET", "/images/json", list_images},
    {"GET", "/images/search", search_images},
    {"GET", "/images/get", save_images},
    {"POST", "/images/load", load_images},
    {"POST", "/images/create", pull_image},
    {"POST", "/images/prune", prune_images},
    {"GET", "/images/{name...}/json", inspect_image},
    {"GET", "/images/{name...}/history", image_history},
    {"GET", "/images/{name...}/get", save_image},
    {"POST", "/images/{name...}/push", push_image},
    {"POST", "/images/{name...}/tag", tag_image},
    {"DELETE", "/images/{name...}", remove_image},

    {"POST", "/build", build_image},
    {"POST", "/build/prune", prune_build_cache},
    {"POST", "/build/cancel", not_implemented},
    {"POST", "/session", refuse_buildkit},
    {"POST", "/grpc", refuse_buildkit},
    {"GET", "/distribution/{name...}/json", describe_distribution},

    {"GET", "/networks", list_networks},
    {"POST", "/networks/create", create_network},
    {"POST", "/networks/prune", prune_networks},
    {"GET", "/networks/{id}", inspect_network},
    {"POST", "/networks/{id}/connect", connect_network},
    {"POST", "/networks/{id}/disconnect", disconnect_network},
    {"DELETE", "/networks/{id}", remove_network},

    {"GET", "/volumes", list_volumes},
    {"POST", "/volumes/create", create_volume},
    {"POST", "/volumes/prune", prune_volumes},
    {"GET", "/volumes/{name}", inspect_volume},
    {"PUT", "/volumes/{name}", not_implemented},
    {"DELETE", "/volumes/{name}", remove_volume},

    {"GET", "/plugins", list_plugins},
    {"GET", "/swarm", not_a_swarm_manager},
    {"GET", "/nodes", not_a_swarm_manager},
    {"GET", "/nodes/{id}", not_a_swarm_manager},
    {"GET", "/services", not_a_swarm_manager},
    {"GET", "/services/{id}", not_a_swarm_manager},
    {"GET", "/tasks", not_a_swarm_manager},
    {"GET", "/secrets", not_a_swarm_manager},
    {"GET", "/secrets/{id}", not_a_swarm_manager},
    {"GET", "/configs", not_a_swarm_manager},
    {"GET", "/configs/{id}", not_a_swarm_manager},
};

using Segments = std::vector<std::string>;

bool is_variable(const std::string& segment) {
  return segment.starts_with('{');
}
bool takes_several(const std::string& segment) {
  return segment.ends_with("...}");
}

// The variables of path when it fits the pattern.
std::optional<std::map<std::string, std::string>> fit(const Segments& pattern,
                                                      const Segments& path) {
  std::map<std::string, std::string> vars;
  const size_t extra = path.size() - pattern.size();  // what {x...} takes beyond one
  if (path.size() < pattern.size()) return std::nullopt;
  size_t at = 0;
  for (const auto& segment : pattern) {
    const bool several = takes_several(segment);
    const size_t take = several ? extra + 1 : 1;
    if (at + take > path.size()) return std::nullopt;
    std::string value = path[at];
    for (size_t i = 1; i < take; ++i) value += "/" + path[at + i];
    at += take;
    if (is_variable(segment)) {
      if (value.empty()) return std::nullopt;
      vars[segment.substr(1, segment.size() - (several ? 5 : 2))] = value;
    } else if (segment != value) {
      return std::nullopt;
    }
  }
  if (at != path.size()) return std::nullopt;
  return vars;
}

const std::vector<Segments>& split_patterns() {
  static const auto made = [] {
    std::vector<Segments> out;
    for (const auto& route : kRoutes) out.push_back(split(route.pattern, '/'));
    return out;
  }();
  return made;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::optional<Match> find_route(std::string_view method, std::string_view path) {
  const auto segments = split(path, '/');
  const auto& patterns = split_patterns();
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (kRoutes[i].method != method) continue;
    if (auto vars = fit(patterns[i], segments)) return Match{&kRoutes[i], std::move(*vars)};
  }
  return std::nullopt;
}

std::pair<int, std::string> split_version(std::string_view path) {
  if (!path.starts_with("/v")) return {kMaxMinor, std::string(path)};
  const auto end = std::min(path.find('/', 1), path.size());
  const auto text = path.substr(2, end - 2);
  const auto [major_text, minor_text] = split_once(text, '.');
  const auto major = parse_uint(major_text);
  const auto minor = parse_uint(minor_text);
  if (!major || !minor) return {kMaxMinor, std::string(path)};
  if (*major > 1 || *minor > kMaxMinor) {
    throw invalid_argument("client version {} is too new. Maximum supported API version is 1.{}",
                           text, kMaxMinor);
  }
  if (*major < 1 || *minor < kMinMinor) {
    throw invalid_argument(
        "client version {} is too old. Minimum supported API version is 1.{}, please upgrade your "
        "client to a newer version",
        text, kMinMinor);
  }
  const auto rest = path.substr(end);
  return {static_cast<int>(*minor), rest.empty() ? "/" : std::string(rest)};
}

}  // namespace slipway::docker
