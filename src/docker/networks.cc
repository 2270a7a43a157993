#include "docker/networks.h"

#include "base/error.h"
#include "codec/hash.h"
#include "docker/container_json.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

struct Known {
  const char* name;
  const char* driver;
};
constexpr Known kNetworks[] = {{"bridge", "bridge"}, {"host", "host"}, {"none", "null"}};

bool is_on(const container::Info& info, std::string_view network) {
  const auto& mode = info.spec.network_mode;
  return mode == network || (network == "bridge" && (mode.empty() || mode == "default"));
}

Json attached(const Known& network, const Deps& deps) {
  Json out = Json::object();
  for (const auto& c : deps.engine.list()) {
    if (c.spec.owner != "docker" || c.state.pid == 0 || !is_on(c, network.name)) continue;
    out[c.id] = {{"Name", c.spec.name},
                 {"EndpointID", network_id(c.id + network.name)},
                 {"MacAddress", c.mac},
                 {"IPv4Address", c.ip.empty() ? "" : fmt::format("{}/{}", c.ip, c.ip_prefix)},
                 {"IPv6Address", ""}};
  }
  return out;
}

Json network_json(const Known& network) {
  return {{"Name", network.name},
          {"Id", network_id(network.name)},
          {"Created", time_text({})},
          {"Scope", "local"},
          {"Driver", network.driver},
          {"EnableIPv4", true},
          {"EnableIPv6", false},
          {"IPAM", {{"Driver", "default"}, {"Options", nullptr}, {"Config", Json::array()}}},
          {"Internal", false},
          {"Attachable", false},
          {"Ingress", false},
          {"ConfigFrom", {{"Network", ""}}},
          {"ConfigOnly", false},
          {"Containers", Json::object()},
          {"Options", Json::object()},
          {"Labels", Json::object()}};
}

const Known& find_network(const std::string& name) {
  for (const auto& network : kNetworks) {
    if (name == network.name) return network;
    if (name.size() >= 4 && network_id(network.name).starts_with(name)) return network;
  }
  throw not_found("network {} not found", name);
}

}  // namespace

std::string network_id(std::string_view name) {
  return sha256_hex("network:" + std::string(name));
}

void list_networks(Call& call) {
  const auto filters = Filters::parse(
      call.text("filters"), {"name", "id", "driver", "type", "scope", "label", "dangling"});
  Json out = Json::array();
  for (const auto& network : kNetworks) {
    const auto fits = [&](const char* key, std::string_view value) {
      if (!filters.has(key)) return true;
      const auto& wanted = filters.values(key);
      return std::any_of(wanted.begin(), wanted.end(), [&](const auto& part) {
        return value.find(part) != std::string_view::npos;
      });
    };
    if (!fits("name", network.name) || !fits("id", network_id(network.name))) continue;
    if (!filters.allows("driver", network.driver) || !filters.allows("type", "builtin")) continue;
    if (!filters.allows("scope", "local") || filters.has("label")) continue;
    out.push_back(network_json(network));
  }
  call.json(200, out);
}

void inspect_network(Call& call) {
  const auto& network = find_network(call.var("id"));
  auto out = network_json(network);
  out["Containers"] = attached(network, call.deps);
  call.json(200, out);
}

void remove_network(Call& call) {
  const auto& network = find_network(call.var("id"));
  throw forbidden("{} is a pre-defined network and cannot be removed", network.name);
}

// There are none but the predefined ones, which are never pruned.
void prune_networks(Call& call) {
  Filters::parse(call.text("filters"), {"until", "label"});
  call.json(200, {{"NetworksDeleted", Json::array()}});
}

}  // namespace slipway::docker
