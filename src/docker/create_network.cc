// Ports and networks of POST /containers/create, and the endpoint of POST /networks/{id}/connect.
#include "base/error.h"
#include "base/strings.h"
#include "docker/create_parts.h"
#include "docker/fields.h"
#include "linux/ip6.h"
#include "linux/links.h"

namespace slipway::docker {
namespace {

using container::EndpointSpec;
using container::PortBinding;
using container::Spec;

uint16_t host_port_number(const std::string& text, const std::string& whole) {
  const auto number = parse_uint(text);
  if (!number || *number > 65535)
    throw invalid_argument("invalid port specification: \"{}\"", whole);
  return static_cast<uint16_t>(*number);
}

// "", "8080" or "8000-8010": one of them.
void read_host_port(const std::string& text, PortBinding& port) {
  if (text.empty()) return;
  const auto [first, last] = split_once(text, '-');
  port.host_port = host_port_number(first, text);
  if (text.find('-') == std::string::npos) return;
  port.host_port_end = host_port_number(last, text);
  if (port.host_port == 0 || port.host_port_end < port.host_port)
    throw invalid_argument("invalid range of host ports: \"{}\"", text);
}

// In the form in which it is shown.
std::string plain_address(const std::string& text, bool ipv6) {
  return ipv6 ? linux::Ip6::parse(text).text() : linux::ipv4_text(linux::parse_ipv4(text));
}

std::string read_address(const Json& ipam, bool ipv6, const std::string& network) {
  const auto text = text_field(ipam, ipv6 ? "IPv6Address" : "IPv4Address");
  if (text.empty()) return {};
  try {
    return plain_address(text, ipv6);
  } catch (const Error&) {
    throw invalid_argument("invalid {} address {} on network {}", ipv6 ? "IPv6" : "IPv4", text,
                           network);
  }
}

std::vector<std::string> read_link_local(const Json& ipam) {
  std::vector<std::string> out;
  for (const auto& text : list_field(ipam, "LinkLocalIPs")) {
    try {
      out.push_back(plain_address(text, text.find(':') != std::string::npos));
    } catch (const Error&) {
      throw invalid_argument("invalid link-local IP address {}", text);
    }
  }
  if (out.size() > 16) throw invalid_argument("16 link-local addresses at most");
  return out;
}

// "" and IPv4 as they are; IPv6 in the form in which rules and clients write it.
std::string read_host_ip(const Json& binding) {
  const auto text = text_field(binding, "HostIp");
  if (text.find(':') == std::string::npos) return text;
  try {
    return linux::Ip6::parse(text).text();
  } catch (const Error&) {
    throw invalid_argument("invalid host IP address \"{}\"", text);
  }
}

// What makes no sense in a network that is somebody else's.
void refuse_conflicts(const Json& body, const Spec& spec) {
  const bool joined = spec.network_mode.starts_with("container:");
  if (!joined && spec.network_mode != "host") return;
  if (!spec.links.empty())
    throw invalid_argument(
        "conflicting options: {} type networking can't be used with links. This would result in "
        "undefined behavior",
        joined ? "container" : "host");
  if (!joined) return;
  const auto refuse_if = [](bool given, const char* what) {
    if (given) throw invalid_argument("conflicting options: {}", what);
  };
  refuse_if(!spec.hostname.empty(), "hostname and the network mode");
  refuse_if(!spec.dns.empty(), "dns and the network mode");
  refuse_if(!spec.extra_hosts.empty(), "custom host-to-IP mapping and the network mode");
  refuse_if(!text_field(body, "MacAddress").empty(), "mac-address and the network mode");
  refuse_if(!spec.ports.empty() || spec.publish_all,
            "port publishing and the container type network mode");
  refuse_if(!spec.exposed_ports.empty(), "port exposing and the container type network mode");
}

}  // namespace

EndpointSpec read_endpoint(const std::string& network, const Json& value) {
  EndpointSpec out;
  out.network = network;
  if (value.is_null()) return out;
  if (!value.is_object()) throw invalid_argument("EndpointsConfig: {} must be an object", network);
  const auto& ipam = object_field(value, "IPAMConfig");
  out.ipv4 = read_address(ipam, false, network);
  out.ipv6 = read_address(ipam, true, network);
  out.link_local = read_link_local(ipam);
  for (const auto& alias : list_field(value, "Aliases")) {
    const bool known =
        std::find(out.aliases.begin(), out.aliases.end(), alias) != out.aliases.end();
    if (!known) out.aliases.push_back(alias);
  }
  out.links = list_field(value, "Links");
  out.mac = to_lower(text_field(value, "MacAddress"));
  out.driver_opts = map_field(value, "DriverOpts");
  for (const auto& [name, option] : out.driver_opts) {
    if (name.starts_with("com.docker.network."))
      throw unimplemented("driver option {}={} of network {} is not implemented", name, option,
                          network);
  }
  constexpr int64_t most = 1'000'000'000;
  out.gateway_priority =
      static_cast<int>(std::clamp(number_field(value, "GwPriority"), -most, most));
  return out;
}

void read_ports(const Json& host, Spec& spec) {
  for (const auto& [key, bindings] : object_field(host, "PortBindings").items()) {
    const auto port = parse_port_key(key);
    if (bindings.is_null()) continue;
    if (!bindings.is_array()) throw invalid_argument("PortBindings: {} must be a list", key);
    if (bindings.empty()) spec.ports.push_back(port);
    for (const auto& binding : bindings) {
      if (!binding.is_object()) throw invalid_argument("PortBindings: {} holds no object", key);
      auto bound = port;
      bound.host_ip = read_host_ip(binding);
      read_host_port(text_field(binding, "HostPort"), bound);
      spec.ports.push_back(std::move(bound));
    }
  }
  spec.publish_all = flag_field(host, "PublishAllPorts");
}

// The CLI names the network in NetworkMode and, with its settings, in NetworkingConfig; there may
// be more of them in the latter.
void read_network(const Json& body, const Json& host, Spec& spec) {
  spec.network_mode = text_field(host, "NetworkMode");
  if (flag_field(body, "NetworkDisabled")) spec.network_mode = "none";
  if (spec.network_mode == "default") spec.network_mode.clear();
  if (spec.network_mode.find_first_of("/ \t\r\n") != std::string::npos)
    throw invalid_argument("invalid network mode \"{}\"", spec.network_mode);
  if (spec.network_mode.starts_with("netns:"))  // of our own, for tasks
    throw invalid_argument("invalid network mode: {}", spec.network_mode);
  const auto& endpoints = object_field(object_field(body, "NetworkingConfig"), "EndpointsConfig");
  if (endpoints.size() > 64) throw invalid_argument("a container can be on 64 networks at most");
  for (const auto& [name, endpoint] : endpoints.items())
    spec.networks.push_back(read_endpoint(name, endpoint));
  const auto& mode = spec.network_mode;
  const auto mac = to_lower(text_field(body, "MacAddress"));
  if (!mac.empty()) {
    const std::string primary = mode.empty() ? "bridge" : mode;
    const auto known =
        std::find_if(spec.networks.begin(), spec.networks.end(), [&](const auto& endpoint) {
          return endpoint.network == primary ||
                 (primary == "bridge" && endpoint.network == "default");
        });
    EndpointSpec& endpoint = known == spec.networks.end() ? spec.networks.emplace_back() : *known;
    endpoint.network = primary;
    endpoint.mac = mac;
  }
  spec.links = list_field(host, "Links");
  spec.dns = list_field(host, "Dns");
  spec.dns_search = list_field(host, "DnsSearch");
  spec.extra_hosts = list_field(host, "ExtraHosts");
  refuse_conflicts(body, spec);
}

}  // namespace slipway::docker
