#include "container/networks.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "container/events.h"
#include "container/ipam.h"
#include "container/network.h"
#include "store/table.h"

namespace slipway::container {
namespace {

struct NetworkRecord {
  NetworkInfo info;
};

Json range6_json(const Ipv6Range& six) {
  return {{"subnet", six.subnet},
          {"ip_range", six.ip_range},
          {"gateway", six.gateway},
          {"auxiliary", six.auxiliary},
          {"subnet_chosen", six.subnet_chosen}};
}

Ipv6Range range6_of(const Json& json) {
  Ipv6Range out;
  out.subnet = json.value("subnet", "");
  out.ip_range = json.value("ip_range", "");
  out.gateway = json.value("gateway", "");
  out.auxiliary = json.value("auxiliary", std::map<std::string, std::string>());
  out.subnet_chosen = json.value("subnet_chosen", false);
  return out;
}

void to_json(Json& json, const NetworkRecord& record) {
  const NetworkInfo& n = record.info;
  json = Json{{"id", n.id},
              {"name", n.name},
              {"driver", n.driver},
              {"created", n.created.time_since_epoch().count()},
              {"internal", n.internal},
              {"attachable", n.attachable},
              {"labels", n.labels},
              {"options", n.options},
              {"ipam_options", n.ipam_options},
              {"subnet", n.subnet},
              {"ip_range", n.ip_range},
              {"gateway", n.gateway},
              {"auxiliary", n.auxiliary},
              {"bridge", n.bridge},
              {"subnet_chosen", n.subnet_chosen}};
  if (n.ipv6) json["ipv6"] = range6_json(n.six);
  if (n.config_only) json["config_only"] = true;
  if (!n.config_from.empty()) json["config_from"] = n.config_from;
}

void from_json(const Json& json, NetworkRecord& record) {
  using Texts = std::map<std::string, std::string>;
  NetworkInfo& n = record.info;
  n.id = json.at("id").get<std::string>();
  n.name = json.at("name").get<std::string>();
  n.driver = json.value("driver", "bridge");
  n.created = TimePoint(microseconds(json.value("created", int64_t{0})));
  n.internal = json.value("internal", false);
  n.attachable = json.value("attachable", false);
  n.labels = json.value("labels", Texts());
  n.options = json.value("options", Texts());
  n.ipam_options = json.value("ipam_options", Texts());
  n.subnet = json.value("subnet", "");
  n.ip_range = json.value("ip_range", "");
  n.gateway = json.value("gateway", "");
  n.auxiliary = json.value("auxiliary", Texts());
  n.bridge = json.value("bridge", "");
  n.subnet_chosen = json.value("subnet_chosen", false);
  n.ipv6 = json.contains("ipv6");
  if (n.ipv6) n.six = range6_of(json.at("ipv6"));
  n.config_only = json.value("config_only", false);
  n.config_from = json.value("config_from", "");
}

constexpr store::Table<NetworkRecord> network_records{"networks"};

NetworkInfo predefined_network(const std::string& name, const std::string& driver) {
  NetworkInfo out;
  out.id = predefined_network_id(name);
  out.name = name;
  out.driver = driver;
  out.predefined = true;
  return out;
}

NetworkInfo default_network(const std::string& bridge, const std::string& cidr) {
  NetworkInfo out = predefined_network("bridge", "bridge");
  out.bridge = bridge;
  out.subnet = linux::Cidr4::parse(cidr).text();
  out.gateway = split_once(cidr, '/').first;
  out.options = {{"com.docker.network.bridge.default_bridge", "true"},
                 {option_icc, "true"},
                 {option_masquerade, "true"},
                 {option_host_binding, "0.0.0.0"},
                 {option_bridge_name, bridge},
                 {option_mtu, "1500"}};
  return out;
}

}  // namespace

std::string predefined_network_id(const std::string& name) {
  return sha256_hex("network:" + name);
}

Networks::Networks(store::Store& store, Clock& clock, Events& events, Dataplane& plane,
                   const std::string& bridge, const std::string& cidr)
    : store_(store), clock_(clock), events_(events), plane_(plane) {
  predefined_ = {default_network(bridge, cidr), predefined_network("host", "host"),
                 predefined_network("none", "null")};
  plane_.add(predefined_[0]);
  for (const auto& network : list()) {
    if (network.has_names()) plane_.add(network);
  }
}

void Networks::publish(const NetworkInfo& network, const char* action) {
  events_.publish({clock_.now(),
                   "network",
                   action,
                   network.id,
                   {{"name", network.name}, {"type", network.driver}}});
}

std::vector<NetworkInfo> Networks::list() const {
  auto out = predefined_;
  store_.read([&](const store::Reader& db) {
    for (const auto& record : network_records.scan(db)) out.push_back(record->info);
  });
  return out;
}

std::optional<NetworkInfo> Networks::find(const std::string& name_or_id) const {
  if (name_or_id.empty()) return std::nullopt;
  std::shared_ptr<const NetworkRecord> exact;
  store_.read([&](const store::Reader& db) { exact = network_records.get(db, name_or_id); });
  if (exact) return exact->info;
  const auto all = list();
  for (const auto& network : all) {
    if (network.name == name_or_id || network.id == name_or_id) return network;
  }
  std::vector<const NetworkInfo*> matches;
  for (const auto& network : all) {
    if (network.id.starts_with(name_or_id)) matches.push_back(&network);
  }
  if (matches.empty()) return std::nullopt;
  if (matches.size() > 1)
    throw invalid_argument("network {} is ambiguous ({} matches found on ID prefix)", name_or_id,
                           matches.size());
  return *matches[0];
}

NetworkInfo Networks::get(const std::string& name_or_id) const {
  auto found = find(name_or_id);
  if (!found) throw not_found("network {} not found", name_or_id);
  return *found;
}

void Networks::choose_subnet_for(NetworkInfo& wanted) const {
  std::vector<linux::Cidr4> used;
  for (const auto& network : list()) {
    if (network.is_bridge()) used.push_back(linux::Cidr4::parse(network.subnet));
  }
  if (!wanted.subnet.empty()) {
    const auto subnet = linux::Cidr4::parse(wanted.subnet);
    if (std::any_of(used.begin(), used.end(), [&](const auto& u) { return overlap(u, subnet); }))
      throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
    return;
  }
  for (const auto& range : linux::Links().route_destinations())
    used.push_back(linux::Cidr4::parse(range));
  const auto chosen = choose_subnet(used);
  if (!chosen)
    throw unavailable(
        "could not find an available, non-overlapping IPv4 address pool among the defaults to "
        "assign to the network: remove networks, or choose one with --subnet");
  wanted.subnet = chosen->text();
}

NetworkInfo Networks::complete(NetworkInfo wanted) const {
  wanted.id = random_hex(64);
  wanted.created = clock_.now();
  if (wanted.config_only) {
    wanted.driver = "null";
    return wanted;
  }
  wanted.driver = "bridge";
  choose_subnet_for(wanted);
  if (wanted.ipv6) choose_subnet6_for(wanted);
  if (wanted.gateway.empty()) {
    // The first address that no auxiliary name has taken.
    const auto subnet = linux::Cidr4::parse(wanted.subnet);
    for (uint32_t n = 1; wanted.gateway.empty(); ++n) {
      const std::string candidate = subnet.host(n);
      const bool taken = std::any_of(wanted.auxiliary.begin(), wanted.auxiliary.end(),
                                     [&](const auto& aux) { return aux.second == candidate; });
      if (!taken) wanted.gateway = candidate;
    }
  }
  wanted.bridge = option_text(wanted, option_bridge_name);
  if (wanted.bridge.empty()) wanted.bridge = "br-" + wanted.id.substr(0, 12);
  if (linux::Links().find(wanted.bridge))
    throw conflict("a network link named {} exists already: choose another name for the bridge",
                   wanted.bridge);
  return wanted;
}

NetworkInfo Networks::create(NetworkInfo wanted) {
  check_network(wanted);
  const std::lock_guard lock(change_);
  if (!wanted.config_from.empty()) take_configuration(wanted);
  for (const auto& network : list()) {
    if (network.name != wanted.name) continue;
    if (network.predefined)
      throw forbidden("operation is not permitted on predefined {} network", network.name);
    throw conflict("network with name {} already exists", network.name);
  }
  const NetworkInfo made = complete(std::move(wanted));
  // The record first: what it names is found again after a crash.
  store_.write([&](store::Writer& db) { network_records.put(db, made.id, {made}); });
  try {
    if (!made.config_only) {
      plane_.add(made);
      plane_.make(made.id);
    }
  } catch (const std::exception&) {
    plane_.remove(made.id, {});
    store_.write([&](store::Writer& db) { network_records.erase(db, made.id); });
    throw;
  }
  publish(made, "create");
  return made;
}

void Networks::remove(const std::string& id, const std::string& who) {
  const std::lock_guard lock(change_);
  const NetworkInfo network = get(id);
  if (network.predefined)
    throw forbidden("{} is a pre-defined network and cannot be removed", network.name);
  for (const auto& other : list()) {
    if (network.config_only && other.config_from == network.name)
      throw forbidden("configuration network {} is in use by network {}", network.name, other.name);
  }
  plane_.remove(network.id, who);
  store_.write([&](store::Writer& db) { network_records.erase(db, network.id); });
  publish(network, "destroy");
}

void Networks::restore() {
  for (const auto& network : list()) {
    if (!network.has_names()) continue;
    try {
      plane_.make(network.id);
    } catch (const std::exception& e) {  // its containers' starts say it again
      log::error("container", "network {}: {}", network.name, e.what());
    }
  }
}

}  // namespace slipway::container
