#include "linux/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "linux/rtnl.h"

namespace slipway::linux {
namespace {

rtnl::Message conntrack_message(int what, uint16_t flags, bool ipv6) {
  rtnl::Message message(static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | what), flags);
  nfgenmsg header{};
  header.nfgen_family = ipv6 ? AF_INET6 : AF_INET;
  header.version = NFNETLINK_V0;
  message.append(header);
  return message;
}

// The tuple of a flow's first packet, when that was a datagram to this port.
std::string_view udp_tuple(const rtnl::Received& received, uint16_t port) {
  const auto all = rtnl::attributes(received.behind<nfgenmsg>(), CTA_TUPLE_ORIG);
  const auto tuple = all[CTA_TUPLE_ORIG];
  const auto parts = rtnl::attributes(tuple, CTA_TUPLE_PROTO);
  const auto protocol = rtnl::attributes(parts[CTA_TUPLE_PROTO], CTA_PROTO_DST_PORT);
  const auto number = protocol[CTA_PROTO_NUM], to = protocol[CTA_PROTO_DST_PORT];
  if (number.size() != 1 || number[0] != IPPROTO_UDP || to.size() != 2) return {};
  uint16_t wire = 0;
  std::memcpy(&wire, to.data(), sizeof wire);
  return ntohs(wire) == port ? tuple : std::string_view();
}

}  // namespace

size_t forget_udp_flows(uint16_t port, bool ipv6) {
  rtnl::Socket socket(NETLINK_NETFILTER);
  std::vector<std::string> found;
  auto question = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, ipv6);
  const int error = socket.query(question, [&](const rtnl::Received& received) {
    const auto tuple = udp_tuple(received, port);
    if (!tuple.empty()) found.emplace_back(tuple);
  });
  if (error != 0) throw SystemError(error, "list connections");
  size_t forgotten = 0;
  for (const std::string& tuple : found) {
    auto message = conntrack_message(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, ipv6);
    message.put(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple);
    const int failed = socket.request(message);
    if (failed == 0) ++forgotten;
    if (failed != 0 && failed != ENOENT) throw SystemError(failed, "forget a connection");
  }
  return forgotten;
}

}  // namespace slipway::linux
