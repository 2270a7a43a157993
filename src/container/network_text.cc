// The texts of the network: nftables commands and the files under a container's /etc.
#include "base/error.h"
#include "base/strings.h"
#include "container/dns_server.h"
#include "container/network.h"

namespace slipway::container {

std::string nft_element(const char* verb, const PortBinding& port, const std::string& ip) {
  const bool any = port.host_ip.empty() || port.host_ip == "0.0.0.0" || port.host_ip == "::";
  return fmt::format("{} element {} slipway {} {{ {}{} . {} : {} . {} }}", verb,
                     is_ipv6(port) ? "ip6" : "ip", any ? "ports_any" : "ports_at",
                     any ? "" : port.host_ip + " . ", port.protocol, port.host_port, ip,
                     port.container_port);
}

std::string nft_bridge(const char* verb, const NetworkInfo& network) {
  std::string out;
  const auto element = [&](const char* set, const std::string& value) {
    out += fmt::format("{} element ip slipway {} {{ {} }}\n", verb, set, value);
  };
  const std::string name = '"' + network.bridge + '"';
  element("bridges", name);
  element("subnets", network.subnet);
  if (network.internal) {
    element("internal", name);
  } else if (option_flag(network, option_masquerade, true)) {
    element("masqueraded", network.subnet);
  }
  if (option_flag(network, option_icc, true)) element("pairs", name + " . " + name);
  return out;
}

// Making a network or publishing a port adds elements, never rules.
static constexpr char kNetworkTable[] =
    R"(add table ip slipway
delete table ip slipway
table ip slipway {
  map ports_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map ports_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  set bridges { type ifname; }
  set internal { type ifname; }
  set pairs { type ifname . ifname; }
  set subnets { type ipv4_addr; flags interval; }
  set masqueraded { type ipv4_addr; flags interval; }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @ports_at
    dnat ip to meta l4proto . th dport map @ports_any
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip saddr @subnets ct status dnat masquerade
    oifname != @bridges ip saddr @masqueraded masquerade
  }
  # route_localnet must not open the host's loopback to containers.
  chain loopback {
    type filter hook prerouting priority -300; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }
  # Networks are apart, and other machines reach published ports only, although this host forwards.
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @pairs accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    ct status dnat accept
    oifname @bridges drop
  }
}
)";

std::string nft_bridge6(const char* verb, const NetworkInfo& network) {
  std::string out;
  const auto element = [&](const char* set, const std::string& value) {
    out += fmt::format("{} element ip6 slipway {} {{ {} }}\n", verb, set, value);
  };
  const std::string name = '"' + network.bridge + '"';
  element("bridges", name);
  if (network.internal) element("internal", name);
  if (option_flag(network, option_icc, true)) element("pairs", name + " . " + name);
  if (!network.ipv6) return out;
  element("subnets", network.six.subnet);
  if (!network.internal && option_flag(network, option_masquerade, true))
    element("masqueraded", network.six.subnet);
  return out;
}

// As above; nothing that is addressed to ::1 can be led elsewhere, that is the relay's part.
static constexpr char kNetworkTable6[] =
    R"(add table ip6 slipway
delete table ip6 slipway
table ip6 slipway {
  map ports_any { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map ports_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
  set bridges { type ifname; }
  set internal { type ifname; }
  set pairs { type ifname . ifname; }
  set subnets { type ipv6_addr; flags interval; }
  set masqueraded { type ipv6_addr; flags interval; }
  chain publish {
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports_at
    dnat ip6 to meta l4proto . th dport map @ports_any
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr != ::1 fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname @bridges ip6 saddr @subnets ct status dnat masquerade
    oifname != @bridges ip6 saddr @masqueraded masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @pairs accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    ct status dnat accept
    oifname @bridges drop
  }
}
)";

static std::string nft_commands(std::string text, const std::vector<std::string>& commands) {
  for (const std::string& command : commands) text += command + "\n";
  return text;
}

std::string nft_table(const std::vector<std::string>& commands) {
  return nft_commands(kNetworkTable, commands);
}

std::string nft_table6(const std::vector<std::string>& commands) {
  return nft_commands(kNetworkTable6, commands);
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

namespace {

std::string one_word(const std::string& word) {
  if (word.find_first_of(" \t\r\n") != std::string::npos)
    throw invalid_argument("bad DNS setting: \"{}\"", word);
  return word;
}

// A line of resolv.conf: its keyword and the rest.
std::pair<std::string_view, std::string_view> resolv_line(std::string_view line) {
  const std::string_view text = trim(line);
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  return {text.substr(0, end), trim(text.substr(end))};
}

std::string joined_words(const char* keyword, const std::vector<std::string>& words) {
  std::string text = keyword;
  for (const std::string& word : words) text += " " + one_word(word);
  return text + "\n";
}

// "." alone means: no search list at all.
std::string search_line(const std::vector<std::string>& domains) {
  return domains.size() == 1 && domains[0] == "." ? "" : joined_words("search", domains);
}

}  // namespace

std::string resolv_text(const Spec& spec, const std::string& host_text, bool own_network) {
  const auto& options = spec.host.dns_options;
  std::string text;
  for (const std::string& line : split(host_text, '\n')) {
    const auto [word, rest] = resolv_line(line);
    const bool server = word == "nameserver", search = word == "search" || word == "domain";
    if (word.empty() || (server && !spec.dns.empty()) || (search && !spec.dns_search.empty()) ||
        (word == "options" && !options.empty()))
      continue;
    if (own_network && server && (rest.starts_with("127.") || rest == "::1")) continue;
    text += line + "\n";
  }
  for (const std::string& server : spec.dns) text += "nameserver " + one_word(server) + "\n";
  if (!spec.dns_search.empty()) text += search_line(spec.dns_search);
  if (!options.empty()) text += joined_words("options", options);
  return text;
}

std::string embedded_resolv_text(const Spec& spec, const std::string& host_text) {
  std::string search = search_line(spec.dns_search);
  auto options = spec.host.dns_options;
  if (spec.dns_search.empty()) search.clear();
  for (const std::string& line : split(host_text, '\n')) {
    const auto [word, rest] = resolv_line(line);
    if ((word == "search" || word == "domain") && spec.dns_search.empty())
      search = "search " + std::string(rest) + "\n";
    if (word == "options" && spec.host.dns_options.empty()) {
      for (const std::string& option : split(rest, ' ')) {
        if (!option.empty()) options.push_back(option);
      }
    }
  }
  // Names of containers have no dots: they are asked for as they are.
  const bool given = std::any_of(options.begin(), options.end(),
                                 [](const std::string& o) { return o.starts_with("ndots:"); });
  if (!given) options.push_back("ndots:0");
  return fmt::format("nameserver {}\n{}{}", dns_address, search, joined_words("options", options));
}

}  // namespace slipway::container
