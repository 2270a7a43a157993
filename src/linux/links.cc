// Links: bridges, veth pairs and their attributes.
#include "linux/links.h"

#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/error.h"
#include "linux/links_impl.h"
#include "linux/netns.h"

namespace slipway::linux {

using rtnl::Message;

namespace {

constexpr uint16_t create_new = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;

void check_link_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('/') != std::string::npos ||
      name == "." || name == "..")
    throw invalid_argument("'{}' cannot name a network link: 1 to {} characters", name,
                           IFNAMSIZ - 1);
}

std::string mac_text(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes)
    out += fmt::format("{}{:02x}", out.empty() ? "" : ":", static_cast<unsigned char>(byte));
  return out;
}

std::optional<Link> decode_link(const rtnl::Received& received) {
  if (received.type != RTM_NEWLINK) return std::nullopt;
  const auto info = received.header<ifinfomsg>();
  if (!info) return std::nullopt;
  const auto attributes = rtnl::attributes(received.behind<ifinfomsg>(), IFLA_LINKINFO);
  Link link;
  link.index = info->ifi_index;
  link.up = (info->ifi_flags & IFF_UP) != 0;
  link.name = rtnl::as_text(attributes[IFLA_IFNAME]);
  link.master = static_cast<int>(rtnl::as_u32(attributes[IFLA_MASTER]));
  link.mtu = static_cast<int>(rtnl::as_u32(attributes[IFLA_MTU]));
  link.mac = mac_text(attributes[IFLA_ADDRESS]);
  link.kind =
      rtnl::as_text(rtnl::attributes(attributes[IFLA_LINKINFO], IFLA_INFO_KIND)[IFLA_INFO_KIND]);
  return link;
}

}  // namespace

Links::Links() : impl_(std::make_unique<Impl>()) {}

Links::Links(const std::string& netns_path) {
  in_netns(netns_path, [this] { impl_ = std::make_unique<Impl>(); });
}

Links::~Links() = default;

bool Links::Impl::send(Message& message, int tolerated, const std::string& what) {
  const int error = socket.request(message);
  if (error == 0) return true;
  if (error == tolerated) return false;
  throw SystemError(error, socket.message().empty() ? what : what + " (" + socket.message() + ")");
}

int Links::Impl::index(const std::string& name) {
  const auto link = find(name);
  if (!link) throw not_found("no network link {}", name);
  return link->index;
}

std::optional<Link> Links::Impl::find(const std::string& name) {
  check_link_name(name);
  Message message(RTM_GETLINK, NLM_F_ACK);
  message.append(ifinfomsg{});
  message.put_text(IFLA_IFNAME, name);
  std::optional<Link> found;
  const int error = socket.query(message, [&](const auto& received) {
    if (auto link = decode_link(received)) found = std::move(link);
  });
  if (error != 0 && error != ENODEV) throw SystemError(error, "look up network link " + name);
  return found;
}

Message Links::Impl::change(const std::string& name) {
  Message message(RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg info{};
  info.ifi_index = index(name);
  message.append(info);
  return message;
}

std::optional<Link> Links::find(const std::string& name) {
  return impl_->find(name);
}

std::vector<Link> Links::list(std::string_view name_prefix) {
  Message message(RTM_GETLINK, NLM_F_DUMP);
  message.append(ifinfomsg{});
  std::vector<Link> links;
  const int error = impl_->socket.query(message, [&](const auto& received) {
    auto link = decode_link(received);
    if (link && link->name.starts_with(name_prefix)) links.push_back(std::move(*link));
  });
  if (error != 0) throw SystemError(error, "list network links");
  return links;
}

bool Links::add_bridge(const std::string& name, const std::string& mac) {
  check_link_name(name);
  Message message(RTM_NEWLINK, create_new);
  message.append(ifinfomsg{});
  message.put_text(IFLA_IFNAME, name);
  if (!mac.empty()) message.put(IFLA_ADDRESS, rtnl::mac_bytes(mac));
  const auto info = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "bridge");
  message.end(info);
  return impl_->send(message, EEXIST, "make bridge " + name);
}

bool Links::add_dummy(const std::string& name) {
  check_link_name(name);
  Message message(RTM_NEWLINK, create_new);
  message.append(ifinfomsg{});
  message.put_text(IFLA_IFNAME, name);
  const auto info = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "dummy");
  message.end(info);
  return impl_->send(message, EEXIST, "make dummy link " + name);
}

bool Links::add_veth(const Veth& veth) {
  check_link_name(veth.name);
  check_link_name(veth.peer_name);
  const int master = veth.master.empty() ? 0 : impl_->index(veth.master);
  Message message(RTM_NEWLINK, create_new);
  ifinfomsg ours{};
  ours.ifi_flags = veth.up ? IFF_UP : 0;
  ours.ifi_change = veth.up ? IFF_UP : 0;
  message.append(ours);
  message.put_text(IFLA_IFNAME, veth.name);
  if (master != 0) message.put_u32(IFLA_MASTER, static_cast<uint32_t>(master));
  if (veth.mtu > 0) message.put_u32(IFLA_MTU, static_cast<uint32_t>(veth.mtu));
  const auto info = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "veth");
  const auto data = message.begin(IFLA_INFO_DATA);
  const auto peer = message.begin(VETH_INFO_PEER);
  message.append(ifinfomsg{});
  message.put_text(IFLA_IFNAME, veth.peer_name);
  if (veth.peer_netns >= 0) message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.peer_netns));
  if (!veth.peer_mac.empty()) message.put(IFLA_ADDRESS, rtnl::mac_bytes(veth.peer_mac));
  if (veth.mtu > 0) message.put_u32(IFLA_MTU, static_cast<uint32_t>(veth.mtu));
  message.end(peer);
  message.end(data);
  message.end(info);
  return impl_->send(message, EEXIST, "make veth pair " + veth.name + ", " + veth.peer_name);
}

bool Links::remove(const std::string& name) {
  check_link_name(name);
  Message message(RTM_DELLINK, NLM_F_ACK);
  message.append(ifinfomsg{});
  message.put_text(IFLA_IFNAME, name);
  return impl_->send(message, ENODEV, "remove network link " + name);
}

void Links::set_up(const std::string& name, bool up) {
  Message message(RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg info{};
  info.ifi_index = impl_->index(name);
  info.ifi_change = IFF_UP;
  info.ifi_flags = up ? IFF_UP : 0;
  message.append(info);
  impl_->send(message, 0, "set " + name + (up ? " up" : " down"));
}

void Links::rename(const std::string& name, const std::string& to) {
  check_link_name(to);
  auto message = impl_->change(name);
  message.put_text(IFLA_IFNAME, to);
  impl_->send(message, 0, "rename network link " + name + " to " + to);
}

void Links::set_mac(const std::string& name, const std::string& mac) {
  auto message = impl_->change(name);
  message.put(IFLA_ADDRESS, rtnl::mac_bytes(mac));
  impl_->send(message, 0, "set the MAC address of " + name);
}

void Links::set_mtu(const std::string& name, int mtu) {
  auto message = impl_->change(name);
  message.put_u32(IFLA_MTU, static_cast<uint32_t>(mtu));
  impl_->send(message, 0, "set the MTU of " + name);
}

void Links::set_master(const std::string& name, const std::string& bridge) {
  auto message = impl_->change(name);
  const int master = bridge.empty() ? 0 : impl_->index(bridge);
  message.put_u32(IFLA_MASTER, static_cast<uint32_t>(master));
  impl_->send(message, 0, "attach " + name + " to bridge " + bridge);
}

void Links::move_to(const std::string& name, int netns_fd) {
  auto message = impl_->change(name);
  message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns_fd));
  impl_->send(message, 0, "move " + name + " to another network namespace");
}

void Links::Impl::set_port_flag(const std::string& name, uint16_t flag, bool on,
                                const std::string& what) {
  Message message(RTM_SETLINK, NLM_F_ACK);
  ifinfomsg info{};
  info.ifi_family = AF_BRIDGE;
  info.ifi_index = index(name);
  message.append(info);
  const auto port = message.begin(IFLA_PROTINFO | NLA_F_NESTED);
  message.put_u8(flag, on ? 1 : 0);
  message.end(port);
  send(message, 0, what + name);
}

void Links::set_hairpin(const std::string& name, bool on) {
  impl_->set_port_flag(name, IFLA_BRPORT_MODE, on, "set hairpin mode of ");
}

void Links::set_isolated(const std::string& name, bool on) {
  impl_->set_port_flag(name, IFLA_BRPORT_ISOLATED, on, "isolate ");
}

}  // namespace slipway::linux
