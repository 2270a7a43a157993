// The networks of a container at its creation, its start, its end and after a restart of the
// daemon.
#include <fcntl.h>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/impl.h"

namespace slipway::container {
namespace {

// Name servers are ours where containers have names; the predefined network has none.
bool names_on(const Endpoint& endpoint) {
  static const std::string default_id = predefined_network_id("bridge");
  return endpoint.network_id != default_id;
}

bool embedded_dns(const std::vector<Endpoint>& endpoints) {
  return std::any_of(endpoints.begin(), endpoints.end(), names_on);
}

// A file that may be mounted in the container is written in place.
void rewrite(const std::string& path, std::string_view text) {
  const Fd fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  write_all(fd.get(), text);
}

std::string host_resolv_conf(bool own_network) {
  std::string text;
  // Where systemd-resolved is the host's server on loopback, this file names the real ones.
  if (own_network) text = read_file_if_exists("/run/systemd/resolve/resolv.conf").value_or("");
  return text.empty() ? read_file_if_exists("/etc/resolv.conf").value_or("") : text;
}

}  // namespace

bool has_endpoints(const std::string& mode) {
  return mode != "host" && mode != "none" && !mode.starts_with("container:") &&
         !mode.starts_with("netns:");
}

void set_endpoints(Info& info, const std::vector<Endpoint>& endpoints,
                   const std::vector<PortBinding>& ports) {
  const Endpoint first = endpoints.empty() ? Endpoint() : endpoints[0];
  info.endpoints = endpoints;
  info.ip = first.ip;
  info.gateway = first.gateway;
  info.mac = first.mac;
  info.ip_prefix = first.prefix;
  info.ports = ports;
}

// A network that does not exist (yet) is said at the start, as Docker does: a "not found" now would
// be taken for the image's.
EndpointSpec Engine::Impl::resolve_endpoint(const EndpointSpec& wanted) const {
  EndpointSpec out = wanted;
  if (out.network.empty() || out.network == "default") out.network = "bridge";
  const auto network = networks.find(out.network);
  if (!network) return out;
  if (network->config_only)
    throw forbidden("network {} is a configuration for others: no container can be on it",
                    network->name);
  if (!network->is_bridge())
    throw invalid_argument(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes "
        "(network {})",
        network->name);
  out.network = network->name;
  out.network_id = network->id;
  check_endpoint(*network, out);
  return out;
}

void Engine::Impl::resolve_networks(Spec& spec) const {
  const std::string& mode = spec.network_mode;
  if (!has_endpoints(mode)) {
    for (const EndpointSpec& wanted : spec.networks) {
      if (wanted.network != mode)
        throw invalid_argument(
            "conflicting options: a container of network mode {} cannot be on network {}", mode,
            wanted.network);
    }
    spec.networks.clear();
    return;
  }
  const EndpointSpec primary = resolve_endpoint({.network = mode});
  std::vector<EndpointSpec> resolved;
  bool named = false;
  for (const EndpointSpec& wanted : spec.networks) {
    EndpointSpec one = resolve_endpoint(wanted);
    const auto same = [&](const EndpointSpec& other) { return other.network == one.network; };
    if (std::any_of(resolved.begin(), resolved.end(), same))
      throw invalid_argument("network {} is given twice", one.network);
    const bool first = same(primary);
    named = named || first;
    resolved.insert(first ? resolved.begin() : resolved.end(), std::move(one));
  }
  if (!named) resolved.insert(resolved.begin(), primary);
  for (const std::string& link : spec.links) parse_link(link);
  spec.networks = std::move(resolved);
}

void Engine::Impl::network_event(const Endpoint& endpoint, const std::string& id,
                                 const char* action) {
  events.publish({clock.now(),
                  "network",
                  action,
                  endpoint.network_id,
                  {{"container", id}, {"name", endpoint.network}, {"type", "bridge"}}});
}

void Engine::Impl::publish_names(const Record& record, const Endpoint& endpoint) {
  const auto network = networks.find(endpoint.network_id);
  const Spec& spec = record.info.spec;
  DnsNames::Entry entry;
  entry.network = endpoint.network;
  entry.ip = linux::parse_ipv4(endpoint.ip);
  if (!endpoint.ip6.empty()) entry.ip6 = linux::Ip6::parse(endpoint.ip6);
  entry.internal = network && network->internal;
  if (names_on(endpoint)) {
    entry.names = {spec.name, record.info.id.substr(0, 12)};
    if (!spec.hostname.empty()) entry.names.push_back(spec.hostname);
    for (const EndpointSpec& wanted : spec.networks) {
      if (wanted.network_id != endpoint.network_id && wanted.network != endpoint.network) continue;
      entry.priority = wanted.gateway_priority;
      entry.names.insert(entry.names.end(), wanted.aliases.begin(), wanted.aliases.end());
      for (const std::string& link : wanted.links) entry.links.insert(parse_link(link));
    }
  }
  dns_names.put(record.info.id, endpoint.network_id, std::move(entry));
}

void Engine::Impl::renamed(const Record& record) {
  for (const Endpoint& endpoint : record.info.endpoints) publish_names(record, endpoint);
}

Joined Engine::Impl::join_networks(const Record& record, const std::vector<PortBinding>& ports) {
  const std::string& id = record.info.id;
  const Spec& spec = record.info.spec;
  Joined joined;
  network.make_namespace(id);
  for (EndpointSpec wanted : spec.networks) {
    if (wanted.network_id.empty()) wanted.network_id = networks.get(wanted.network).id;
    if (!networks.find(wanted.network_id)) throw not_found("network {} not found", wanted.network);
    joined.endpoints.push_back(network.attach(id, wanted));
    publish_names(record, joined.endpoints.back());
  }
  network.settle(id);
  joined.gateway = network.default_gateway(id);
  joined.ports = network.publish(id, spec.name, ports);
  if (embedded_dns(joined.endpoints)) dns.open(id, network.netns_path(id), spec.dns);
  for (const Endpoint& endpoint : joined.endpoints) network_event(endpoint, id, "connect");
  return joined;
}

void Engine::Impl::leave_networks(const Record& record) {
  const std::string& id = record.info.id;
  dns.close(id);  // its sockets hold the namespace
  dns_names.erase(id);
  for (const Endpoint& endpoint : network.release(id)) network_event(endpoint, id, "disconnect");
}

void Engine::Impl::adopt_networks(const Record& record) {
  if (record.info.endpoints.empty()) return;
  network.adopt(record.info);
  for (const Endpoint& endpoint : record.info.endpoints) publish_names(record, endpoint);
  if (!embedded_dns(record.info.endpoints)) return;
  try {
    dns.open(record.info.id, network.netns_path(record.info.id), record.info.spec.dns);
  } catch (const std::exception& e) {
    log::error("container", "name server of {}: {}", record.info.id, e.what());
  }
}

// The lines of --link on the default bridge.
std::string Engine::Impl::link_lines(const Record& record) const {
  std::string text;
  const auto& networks = record.info.spec.networks;
  // Elsewhere they are aliases that the name server knows.
  if (std::none_of(networks.begin(), networks.end(), [](auto& n) { return n.network == "bridge"; }))
    return text;
  for (const std::string& link : record.info.spec.links) {
    const auto [alias, target] = parse_link(link);
    const Record other = get(target)->snapshot();
    const auto on_bridge =
        std::find_if(other.info.endpoints.begin(), other.info.endpoints.end(),
                     [](const Endpoint& endpoint) { return !names_on(endpoint); });
    if (!is_up(other.info.state.status) || on_bridge == other.info.endpoints.end())
      throw conflict("Cannot link to a non running container: /{} AS /{}/{}", other.info.spec.name,
                     record.info.spec.name, alias);
    text += fmt::format("{}\t{} {} {}\n", on_bridge->ip, alias, other.info.id.substr(0, 12),
                        other.info.spec.name);
  }
  return text;
}

// docker rm --link: of a running container the name goes at once.
void Engine::Impl::remove_link(const ContainerPtr& container, const std::string& alias) {
  Record record = container->snapshot();
  auto& links = record.info.spec.links;
  const auto is_it = [&](const std::string& link) { return parse_link(link).first == alias; };
  if (std::erase_if(links, is_it) == 0)
    throw not_found("No such container: {}/{}", record.info.spec.name, alias);
  if (is_up(record.info.state.status)) {
    const std::string path = directory(container->id) + "/hosts";
    std::string text;
    for (const std::string& line : split(read_file_if_exists(path).value_or(""), '\n')) {
      const auto words = split(line, ' ');  // as link_lines() wrote it
      const bool of_link = words.size() > 1 && words[0].ends_with("\t" + alias);
      if (!of_link && !line.empty()) text += line + "\n";
    }
    rewrite(path, text);
  }
  container->update([&](Record& r) { r.info.spec.links = links; });
  save(*container);
}

void Engine::Impl::write_network_files(const Record& record, const std::string& hostname,
                                       const Joined& joined) {
  const Spec& spec = record.info.spec;
  const bool own_network = spec.network_mode != "host";
  const auto& endpoints = joined.endpoints;
  if (spec.hosts_file.empty()) {
    const std::string gateway =
        joined.gateway.empty() ? split_once(options.bridge_cidr, '/').first : joined.gateway;
    std::string text = hosts_text(endpoints.empty() ? "" : endpoints[0].ip, hostname,
                                  spec.domainname, spec.extra_hosts, gateway);
    for (size_t i = 0; i < endpoints.size(); ++i) {
      if (i > 0) text += endpoints[i].ip + "\t" + hostname + "\n";
      if (!endpoints[i].ip6.empty()) text += endpoints[i].ip6 + "\t" + hostname + "\n";
    }
    text += link_lines(record);
    if (!own_network && spec.extra_hosts.empty())
      text = read_file_if_exists("/etc/hosts").value_or(text);
    rewrite(directory(record.info.id) + "/hosts", text);
  }
  if (!spec.resolv_conf.empty()) return;
  const bool embedded = embedded_dns(endpoints);
  const std::string host = host_resolv_conf(own_network);
  rewrite(directory(record.info.id) + "/resolv.conf",
          embedded ? embedded_resolv_text(spec, host) : resolv_text(spec, host, own_network));
}

}  // namespace slipway::container
