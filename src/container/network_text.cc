// The texts of the network: nftables commands and the files under a container's /etc.
#include "base/error.h"
#include "base/strings.h"
#include "container/network.h"

namespace slipway::container {

std::string nft_element(const char* verb, const PortBinding& port, const std::string& ip) {
  const bool any = port.host_ip.empty() || port.host_ip == "0.0.0.0" || port.host_ip == "::";
  return fmt::format("{} element ip slipway {} {{ {}{} . {} : {} . {} }}", verb,
                     any ? "ports_any" : "ports_at", any ? "" : port.host_ip + " . ", port.protocol,
                     port.host_port, ip, port.container_port);
}

namespace {

// {0}: the bridge, {1}: its subnet.
constexpr char kTable[] =
    R"(add table ip slipway
delete table ip slipway
table ip slipway {{
  map ports_any {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map ports_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
  chain publish {{
    dnat ip to ip daddr . meta l4proto . th dport map @ports_at
    dnat ip to meta l4proto . th dport map @ports_any
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    oifname "{0}" ip saddr 127.0.0.0/8 masquerade
    oifname "{0}" ip saddr {1} ct status dnat masquerade
    oifname != "{0}" ip saddr {1} masquerade
  }}
  # route_localnet must not open the host's loopback to containers.
  chain loopback {{
    type filter hook prerouting priority -300; policy accept;
    iifname "{0}" ip daddr 127.0.0.0/8 drop
  }}
  # Other machines reach published ports only, although this host forwards.
  chain forward {{
    type filter hook forward priority 0; policy accept;
    oifname "{0}" iifname != "{0}" ct state new ct status != dnat drop
  }}
}}
)";

}  // namespace

std::string nft_table(const std::string& bridge, const std::string& subnet,
                      const std::vector<std::string>& commands) {
  std::string text = fmt::format(kTable, bridge, subnet);
  for (const std::string& command : commands) text += command + "\n";
  return text;
}

std::string hosts_text(const std::string& ip, const std::string& hostname,
                       const std::string& domainname, const std::vector<std::string>& extra_hosts,
                       const std::string& gateway) {
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
  for (const std::string& entry : extra_hosts) {
    const size_t at = entry.find_first_of(":=");
    if (at == std::string::npos || entry.find_first_of("\r\n\t ") != std::string::npos)
      throw invalid_argument("bad format for add-host: \"{}\"", entry);
    std::string address = entry.substr(at + 1);
    if (address == "host-gateway") address = gateway;
    text += fmt::format("{}\t{}\n", address, entry.substr(0, at));
  }
  if (!ip.empty() && !hostname.empty()) {
    text += domainname.empty() ? fmt::format("{}\t{}\n", ip, hostname)
                               : fmt::format("{0}\t{1}.{2} {1}\n", ip, hostname, domainname);
  }
  return text;
}

std::string resolv_text(const Spec& spec, const std::string& host_text, bool own_network) {
  const auto one_word = [](const std::string& word) {
    if (word.find_first_of(" \t\r\n") != std::string::npos)
      throw invalid_argument("bad DNS setting: \"{}\"", word);
    return word;
  };
  std::string text;
  for (const std::string& line : split(host_text, '\n')) {
    const std::string_view word = trim(line);
    const bool server = word.starts_with("nameserver");
    const bool search = word.starts_with("search") || word.starts_with("domain");
    if (word.empty() || (server && !spec.dns.empty()) || (search && !spec.dns_search.empty()))
      continue;
    const std::string_view address = server ? trim(word.substr(10)) : std::string_view();
    if (own_network && server && (address.starts_with("127.") || address == "::1")) continue;
    text += line + "\n";
  }
  for (const std::string& server : spec.dns) text += "nameserver " + one_word(server) + "\n";
  if (!spec.dns_search.empty()) {
    text += "search";
    for (const std::string& domain : spec.dns_search) text += " " + one_word(domain);
    text += "\n";
  }
  return text;
}

}  // namespace slipway::container
