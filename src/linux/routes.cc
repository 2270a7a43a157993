// Links: addresses, routes, neighbours; and IPv4 arithmetic.
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/strings.h"
#include "linux/links_impl.h"

namespace slipway::linux {

using rtnl::Message;

namespace {

struct Prefix {
  std::string bytes;  // network order
  uint8_t length = 0;
  uint8_t family() const { return bytes.size() == 4 ? AF_INET : AF_INET6; }
};

Prefix parse_prefix(const std::string& cidr) {
  const auto [address, length] = split_once(cidr, '/');
  Prefix prefix;
  prefix.bytes = rtnl::address_bytes(address);
  const uint64_t bits = prefix.bytes.size() * 8;
  const auto number = cidr.find('/') == std::string::npos ? bits : parse_uint(length);
  if (!number || *number > bits) throw invalid_argument("not an address range: {}", cidr);
  prefix.length = static_cast<uint8_t>(*number);
  return prefix;
}

Message address_message(uint16_t type, uint16_t flags, int index, const Prefix& prefix) {
  Message message(type, flags);
  ifaddrmsg info{};
  info.ifa_family = prefix.family();
  info.ifa_prefixlen = prefix.length;
  info.ifa_index = static_cast<uint32_t>(index);
  // Usable at once: nobody else on a bridge of ours can have it.
  if (info.ifa_family == AF_INET6) info.ifa_flags = IFA_F_NODAD;
  message.append(info);
  message.put(IFA_LOCAL, prefix.bytes);
  message.put(IFA_ADDRESS, prefix.bytes);
  return message;
}

Message route_message(uint16_t type, uint16_t flags, const Links::Route& route, int device) {
  const bool everything = route.destination.empty() || route.destination == "default";
  Prefix prefix;
  if (!everything) {
    prefix = parse_prefix(route.destination);
  } else {
    prefix.bytes = route.via.empty() ? std::string(4, '\0') : rtnl::address_bytes(route.via);
  }
  Message message(type, flags);
  rtmsg info{};
  info.rtm_family = prefix.family();
  info.rtm_dst_len = everything ? 0 : prefix.length;
  info.rtm_table = RT_TABLE_MAIN;
  if (type == RTM_DELROUTE) {
    info.rtm_scope = RT_SCOPE_NOWHERE;
  } else {
    info.rtm_protocol = RTPROT_STATIC;
    info.rtm_scope = route.via.empty() && !route.blackhole ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  }
  info.rtm_type = route.blackhole ? RTN_BLACKHOLE : type == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST;
  message.append(info);
  if (!everything) message.put(RTA_DST, prefix.bytes);
  if (!route.via.empty()) message.put(RTA_GATEWAY, rtnl::address_bytes(route.via));
  if (device != 0) message.put_u32(RTA_OIF, static_cast<uint32_t>(device));
  if (route.metric != 0) message.put_u32(RTA_PRIORITY, route.metric);
  return message;
}

}  // namespace

bool Links::add_address(const std::string& name, const std::string& cidr) {
  auto message = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
                                 impl_->index(name), parse_prefix(cidr));
  return impl_->send(message, EEXIST, "give address " + cidr + " to " + name);
}

bool Links::remove_address(const std::string& name, const std::string& cidr) {
  auto message = address_message(RTM_DELADDR, NLM_F_ACK, impl_->index(name), parse_prefix(cidr));
  return impl_->send(message, EADDRNOTAVAIL, "take address " + cidr + " from " + name);
}

std::vector<std::string> Links::addresses(const std::string& name) {
  const auto index = static_cast<uint32_t>(impl_->index(name));
  Message message(RTM_GETADDR, NLM_F_DUMP);
  message.append(ifaddrmsg{});
  std::vector<std::string> found;
  const int error = impl_->socket.query(message, [&](const rtnl::Received& received) {
    const auto info = received.header<ifaddrmsg>();
    if (received.type != RTM_NEWADDR || !info || info->ifa_index != index) return;
    const auto attributes = rtnl::attributes(received.behind<ifaddrmsg>(), IFA_LOCAL);
    const auto bytes =
        attributes[IFA_LOCAL].empty() ? attributes[IFA_ADDRESS] : attributes[IFA_LOCAL];
    char text[INET6_ADDRSTRLEN];
    const size_t wanted = info->ifa_family == AF_INET ? 4 : 16;
    if (bytes.size() != wanted) return;
    if (::inet_ntop(info->ifa_family, bytes.data(), text, sizeof text) == nullptr) return;
    found.push_back(fmt::format("{}/{}", text, info->ifa_prefixlen));
  });
  if (error != 0) throw SystemError(error, "list addresses of " + name);
  return found;
}

bool Links::add_route(const Route& route) {
  const int device = route.device.empty() ? 0 : impl_->index(route.device);
  auto message = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, route, device);
  return impl_->send(message, EEXIST, "add route to " + route.destination);
}

bool Links::remove_route(const Route& route) {
  const int device = route.device.empty() ? 0 : impl_->index(route.device);
  auto message = route_message(RTM_DELROUTE, NLM_F_ACK, route, device);
  return impl_->send(message, ESRCH, "remove route to " + route.destination);
}

std::vector<std::string> Links::route_destinations(bool ipv6) {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg wanted{};
  wanted.rtm_family = ipv6 ? AF_INET6 : AF_INET;
  message.append(wanted);
  std::vector<std::string> found;
  const int error = impl_->socket.query(message, [&](const rtnl::Received& received) {
    const auto info = received.header<rtmsg>();
    if (received.type != RTM_NEWROUTE || !info || info->rtm_dst_len == 0) return;
    if (info->rtm_table != RT_TABLE_MAIN) return;
    const auto bytes = rtnl::attributes(received.behind<rtmsg>(), RTA_DST)[RTA_DST];
    char text[INET6_ADDRSTRLEN];
    if (bytes.size() != (ipv6 ? 16 : 4) ||
        ::inet_ntop(wanted.rtm_family, bytes.data(), text, sizeof text) == nullptr)
      return;
    found.push_back(fmt::format("{}/{}", text, info->rtm_dst_len));
  });
  if (error != 0) throw SystemError(error, "list routes");
  return found;
}

void Links::set_neighbour(const std::string& name, const std::string& ip, const std::string& mac) {
  Message message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  const auto address = rtnl::address_bytes(ip);
  ndmsg info{};
  info.ndm_family = address.size() == 4 ? AF_INET : AF_INET6;
  info.ndm_ifindex = impl_->index(name);
  info.ndm_state = NUD_PERMANENT;
  message.append(info);
  message.put(NDA_DST, address);
  message.put(NDA_LLADDR, rtnl::mac_bytes(mac));
  impl_->send(message, 0, "set neighbour " + ip + " of " + name);
}

uint32_t parse_ipv4(std::string_view text) {
  const auto bytes = rtnl::address_bytes(text);
  if (bytes.size() != 4) throw invalid_argument("not an IPv4 address: {}", text);
  uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return ntohl(value);
}

std::string ipv4_text(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                     address & 255);
}

Cidr4 Cidr4::parse(std::string_view text) {
  const auto prefix = parse_prefix(std::string(text));
  if (prefix.family() != AF_INET) throw invalid_argument("not an IPv4 range: {}", text);
  Cidr4 made;
  made.prefix = prefix.length;
  const uint32_t mask = made.prefix == 0 ? 0 : ~uint32_t{0} << (32 - made.prefix);
  made.network = parse_ipv4(split_once(text, '/').first) & mask;
  return made;
}

std::string Cidr4::text() const {
  return fmt::format("{}/{}", ipv4_text(network), prefix);
}

std::string Cidr4::host(uint32_t n) const {
  if (!contains(network + n)) throw invalid_argument("{} has no address number {}", text(), n);
  return ipv4_text(network + n);
}

bool Cidr4::contains(uint32_t address) const {
  const uint32_t mask = prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix);
  return (address & mask) == network;
}

}  // namespace slipway::linux
