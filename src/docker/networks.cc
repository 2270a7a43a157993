#include "docker/networks.h"

#include "base/strings.h"
#include "container/networks.h"
#include "docker/container_json.h"
#include "docker/create_parts.h"
#include "docker/fields.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/publish.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

using container::NetworkInfo;

// Containers of the API that run on each network (tasks and builds are no business of users here,
// but keep a network from being removed all the same).
struct OnNetwork {
  container::Info info;
  container::Endpoint endpoint;
};

std::vector<OnNetwork> running_on(const NetworkInfo& network, const Deps& deps) {
  std::vector<OnNetwork> out;
  for (auto& info : deps.engine.list()) {
    for (const auto& endpoint : info.endpoints) {
      if (endpoint.network_id == network.id) out.push_back({info, endpoint});
    }
    const bool by_mode = info.state.pid != 0 && info.spec.network_mode == network.name;
    if (!network.is_bridge() && !network.config_only && by_mode)
      out.push_back({info, {.id = container::predefined_network_id(info.id + network.name)}});
  }
  return out;
}

Json containers_json(const NetworkInfo& network, const Deps& deps) {
  Json out = Json::object();
  for (const auto& [info, endpoint] : running_on(network, deps)) {
    if (info.spec.owner != "docker") continue;
    out[info.id] = {
        {"Name", info.spec.name},
        {"EndpointID", endpoint.id},
        {"MacAddress", endpoint.mac},
        {"IPv4Address",
         endpoint.ip.empty() ? "" : fmt::format("{}/{}", endpoint.ip, endpoint.prefix)},
        {"IPv6Address",
         endpoint.ip6.empty() ? "" : fmt::format("{}/{}", endpoint.ip6, endpoint.prefix6)}};
  }
  return out;
}

Json ipam_config(const std::string& subnet, const std::string& gateway, const std::string& ip_range,
                 const std::map<std::string, std::string>& auxiliary) {
  Json entry = {{"Subnet", subnet}};
  if (!gateway.empty()) entry["Gateway"] = gateway;
  if (!ip_range.empty()) entry["IPRange"] = ip_range;
  if (!auxiliary.empty()) entry["AuxiliaryAddresses"] = auxiliary;
  return entry;
}

Json ipam_json(const NetworkInfo& network) {
  Json config = Json::array();
  if (!network.subnet.empty())
    config.push_back(
        ipam_config(network.subnet, network.gateway, network.ip_range, network.auxiliary));
  const auto& six = network.six;
  if (!six.subnet.empty())
    config.push_back(ipam_config(six.subnet, six.gateway, six.ip_range, six.auxiliary));
  return {{"Driver", "default"},
          {"Options", network.ipam_options.empty() ? Json() : Json(network.ipam_options)},
          {"Config", std::move(config)}};
}

Json network_json(const NetworkInfo& network) {
  return {{"Name", network.name},
          {"Id", network.id},
          {"Created", time_text(network.created)},
          {"Scope", "local"},
          {"Driver", network.driver},
          {"EnableIPv4", true},
          {"EnableIPv6", network.ipv6},
          {"IPAM", ipam_json(network)},
          {"Internal", network.internal},
          {"Attachable", network.attachable},
          {"Ingress", false},
          {"ConfigFrom", {{"Network", network.config_from}}},
          {"ConfigOnly", network.config_only},
          {"Containers", Json::object()},
          {"Options", network.options},
          {"Labels", network.labels}};
}

bool any_part(const Filters& filters, const char* key, std::string_view value) {
  if (!filters.has(key)) return true;
  const auto& wanted = filters.values(key);
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const auto& part) { return value.find(part) != std::string_view::npos; });
}

// Plain text with ^ and $ of what would be a regular expression.
bool network_name_fits(const Filters& filters, const std::string& name) {
  if (!filters.has("name")) return true;
  const auto& wanted = filters.values("name");
  return std::any_of(wanted.begin(), wanted.end(), [&](std::string_view pattern) {
    const bool from_start = pattern.starts_with('^'), to_end = pattern.ends_with('$');
    if (from_start) pattern.remove_prefix(1);
    if (to_end && !pattern.empty()) pattern.remove_suffix(1);
    if (from_start && to_end) return name == pattern;
    if (from_start) return name.starts_with(pattern);
    if (to_end) return name.ends_with(pattern);
    return name.find(pattern) != std::string::npos;
  });
}

void check_type(const Filters& filters) {
  for (const auto& type : filters.values("type")) {
    if (type != "custom" && type != "builtin")
      throw invalid_argument("invalid filter: 'type'='{}': custom or builtin", type);
  }
}

bool listed(const NetworkInfo& network, const Filters& filters, const Deps& deps) {
  if (!network_name_fits(filters, network.name) || !any_part(filters, "id", network.id))
    return false;
  if (!filters.allows("driver", network.driver) || !filters.allows("scope", "local")) return false;
  if (!filters.allows("type", network.predefined ? "builtin" : "custom")) return false;
  if (!filters.allows_labels(network.labels)) return false;
  if (!filters.has("dangling")) return true;
  const bool dangling = !network.predefined && running_on(network, deps).empty();
  return filters.flag("dangling", false) == dangling;
}

void read_ipam(const Json& ipam, NetworkInfo& out) {
  const auto driver = text_field(ipam, "Driver");
  if (!driver.empty() && driver != "default")
    throw not_found("IPAM driver \"{}\" not found: Slipway has default", driver);
  out.ipam_options = map_field(ipam, "Options");
  const auto& configs = member(ipam, "Config");
  if (!configs.is_null() && !configs.is_array())
    throw invalid_argument("IPAM.Config must be a list");
  size_t count = 0, count6 = 0;
  for (const auto& config : configs) {
    if (!config.is_object()) throw invalid_argument("IPAM.Config must be a list of objects");
    if (is_default(config)) continue;
    const auto subnet = text_field(config, "Subnet"), range = text_field(config, "IPRange"),
               gateway = text_field(config, "Gateway");
    const auto auxiliary = map_field(config, "AuxiliaryAddresses");
    const bool ipv6 = (subnet + range + gateway).find(':') != std::string::npos;
    if (++(ipv6 ? count6 : count) > 1)
      throw invalid_argument("bridge networks have one subnet of each family: {} were given",
                             configs.size());
    if (ipv6) {
      out.six = {subnet, range, gateway, auxiliary, !subnet.empty()};
      continue;
    }
    out.subnet = subnet;
    out.ip_range = range;
    out.gateway = gateway;
    out.auxiliary = auxiliary;
    out.subnet_chosen = !subnet.empty();
  }
}

NetworkInfo read_network_request(const Json& body) {
  NetworkInfo out;
  out.name = text_field(body, "Name");
  out.driver = text_field(body, "Driver");
  out.internal = flag_field(body, "Internal");
  out.attachable = flag_field(body, "Attachable");
  out.options = map_field(body, "Options");
  out.labels = map_field(body, "Labels");
  out.ipv6 = flag_field(body, "EnableIPv6");
  if (member(body, "EnableIPv4").is_boolean() && !flag_field(body, "EnableIPv4"))
    throw unimplemented("networks without IPv4 are not implemented");
  if (flag_field(body, "Ingress"))
    throw Error(Kind::unavailable, "This node is not a swarm manager: it has no ingress network");
  out.config_only = flag_field(body, "ConfigOnly");
  out.config_from = text_field(object_field(body, "ConfigFrom"), "Network");
  const auto scope = text_field(body, "Scope");
  if (!scope.empty() && scope != "local")
    throw Error(Kind::unavailable,
                fmt::format("This node is not a swarm manager: no network of scope {}", scope));
  read_ipam(object_field(body, "IPAM"), out);
  return out;
}

// A time, or a length of time before now ("24h", "1h30m").
std::optional<TimePoint> read_until(const std::string& text, TimePoint now) {
  if (text.empty() || text.find_first_of("hms") == std::string::npos ||
      text.find_first_of("T:-Z") != std::string::npos)
    return parse_unix_time(text);
  int64_t total = 0;
  size_t at = 0;
  while (at < text.size()) {
    const size_t unit = text.find_first_of("hms", at);
    const auto number =
        unit == std::string::npos ? std::nullopt : parse_uint(text.substr(at, unit - at));
    if (!number || *number > 10'000'000) throw invalid_argument("invalid duration \"{}\"", text);
    const char letter = text[unit];
    total += static_cast<int64_t>(*number) * (letter == 'h' ? 3600 : letter == 'm' ? 60 : 1);
    at = unit + 1;
  }
  return now - seconds(total);
}

std::string who_is_on(const NetworkInfo& network, const Deps& deps) {
  std::vector<std::string> out;
  for (const auto& [info, endpoint] : running_on(network, deps))
    out.push_back(fmt::format("name:\"{}\" id:\"{}\"", info.spec.name, endpoint.id.substr(0, 12)));
  return join(out, ", ");
}

}  // namespace

std::string network_id(std::string_view name) {
  return container::predefined_network_id(std::string(name));
}

void list_networks(Call& call) {
  const auto filters =
      Filters::parse(call.text("filters"),
                     {"name", "id", "driver", "type", "scope", "label", "label!", "dangling"});
  check_type(filters);
  auto networks = call.deps.engine.networks().list();
  std::stable_sort(networks.begin(), networks.end(),
                   [](const auto& a, const auto& b) { return a.created > b.created; });
  Json out = Json::array();
  for (const auto& network : networks) {
    if (listed(network, filters, call.deps)) out.push_back(network_json(network));
  }
  call.json(200, out);
}

void inspect_network(Call& call) {
  const auto network = call.deps.engine.networks().get(call.var("id"));
  auto out = network_json(network);
  out["Containers"] = containers_json(network, call.deps);
  call.json(200, out);
}

void create_network(Call& call) {
  const auto made = call.deps.engine.networks().create(read_network_request(call.body()));
  call.json(201, {{"Id", made.id}, {"Warning", ""}});
}

void remove_network(Call& call) {
  auto& networks = call.deps.engine.networks();
  const auto network = networks.get(call.var("id"));
  networks.remove(network.id, who_is_on(network, call.deps));
  call.empty(204);
}

void connect_network(Call& call) {
  const auto body = call.body();
  const auto network = call.deps.engine.networks().get(call.var("id"));
  const auto info = docker_container(call.deps, text_field(body, "Container"));
  call.deps.engine.connect(info.id, read_endpoint(network.name, member(body, "EndpointConfig")));
  call.empty(200);
}

void disconnect_network(Call& call) {
  const auto body = call.body();
  const auto info = docker_container(call.deps, text_field(body, "Container"));
  const auto network = call.deps.engine.networks().find(call.var("id"));
  // --force takes a container off a network that is gone.
  if (!network && !flag_field(body, "Force"))
    throw not_found("network {} not found", call.var("id"));
  call.deps.engine.disconnect(info.id, network ? network->id : call.var("id"));
  call.empty(200);
}

void prune_networks(Call& call) {
  const auto filters = Filters::parse(call.text("filters"), {"until", "label", "label!"});
  std::optional<TimePoint> until;
  if (filters.has("until"))
    until = read_until(filters.values("until").front(), call.deps.clock.now());
  auto& networks = call.deps.engine.networks();
  Json deleted = Json::array();
  for (const auto& network : networks.list()) {
    if (network.predefined || network.config_only) continue;
    if (!filters.allows_labels(network.labels)) continue;
    if (until && network.created > *until) continue;
    if (!running_on(network, call.deps).empty()) continue;
    try {
      networks.remove(network.id, {});
      deleted.push_back(network.name);
    } catch (const Error& e) {
      // Somebody came onto it, or removed it, meanwhile.
      if (e.kind() != Kind::forbidden && e.kind() != Kind::not_found) throw;
    }
  }
  publish_prune(call, "network", 0);
  call.json(200, {{"NetworksDeleted", deleted}});
}

}  // namespace slipway::docker
