// Addresses, wishes for networks and the texts made of them: everything about networks that needs
// no kernel.
#include "container/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "container/ipam.h"

namespace slipway::container {
namespace {

using linux::Cidr4;
using linux::parse_ipv4;
using testing::HasSubstr;
using testing::Not;

Kind kind_thrown(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Kind::internal;
}

TEST(Ipam, the_first_subnet_that_nobody_uses_is_chosen) {
  EXPECT_EQ(choose_subnet({})->text(), "172.18.0.0/16");
  EXPECT_EQ(choose_subnet({Cidr4::parse("172.18.5.0/24"), Cidr4::parse("172.19.0.0/16")})->text(),
            "172.20.0.0/16");
  EXPECT_EQ(choose_subnet({Cidr4::parse("172.16.0.0/12")})->text(), "192.168.0.0/20");
  EXPECT_EQ(choose_subnet({Cidr4::parse("172.16.0.0/12"), Cidr4::parse("192.168.1.0/24")})->text(),
            "192.168.16.0/20");
  EXPECT_FALSE(choose_subnet({Cidr4::parse("0.0.0.0/0")}));
  // The default VPC's range stays the tasks'.
  std::vector<Cidr4> used;
  while (const auto chosen = choose_subnet(used)) used.push_back(*chosen);
  EXPECT_EQ(used.size(), 13u + 16u + 256u);
  for (const auto& subnet : used) EXPECT_FALSE(overlap(subnet, Cidr4::parse("172.31.0.0/16")));
}

TEST(Ipam, ranges_overlap_when_one_holds_the_other) {
  EXPECT_TRUE(overlap(Cidr4::parse("10.0.0.0/8"), Cidr4::parse("10.1.0.0/16")));
  EXPECT_TRUE(overlap(Cidr4::parse("10.1.0.0/16"), Cidr4::parse("10.0.0.0/8")));
  EXPECT_FALSE(overlap(Cidr4::parse("10.1.0.0/16"), Cidr4::parse("10.2.0.0/16")));
}

TEST(Ipam, addresses_are_given_from_the_lowest_and_again_when_they_are_free) {
  AddressPool pool(Cidr4::parse("10.0.0.0/29"), std::nullopt, {parse_ipv4("10.0.0.1")});
  const uint32_t first = pool.take();
  EXPECT_EQ(linux::ipv4_text(first), "10.0.0.2");
  for (int i = 3; i <= 6; ++i) EXPECT_EQ(pool.take(), parse_ipv4("10.0.0." + std::to_string(i)));
  EXPECT_EQ(kind_thrown([&] { pool.take(); }), Kind::unavailable);
  pool.release(parse_ipv4("10.0.0.4"));
  EXPECT_EQ(pool.take(), parse_ipv4("10.0.0.4"));
}

TEST(Ipam, an_address_that_was_asked_for_is_given_once) {
  AddressPool pool(Cidr4::parse("10.0.0.0/24"), Cidr4::parse("10.0.0.128/25"),
                   {parse_ipv4("10.0.0.1")});
  pool.take(parse_ipv4("10.0.0.9"));  // outside of the range, which only bounds the choice
  EXPECT_EQ(kind_thrown([&] { pool.take(parse_ipv4("10.0.0.9")); }), Kind::conflict);
  EXPECT_EQ(kind_thrown([&] { pool.take(parse_ipv4("10.0.0.1")); }), Kind::conflict);
  EXPECT_EQ(kind_thrown([&] { pool.take(parse_ipv4("10.0.1.9")); }), Kind::invalid_argument);
  EXPECT_FALSE(pool.can_be_given(parse_ipv4("10.0.0.0")));
  EXPECT_FALSE(pool.can_be_given(parse_ipv4("10.0.0.255")));
  EXPECT_EQ(pool.take(), parse_ipv4("10.0.0.128"));
}

NetworkInfo wish() {
  NetworkInfo out;
  out.name = "net";
  out.subnet = "10.5.0.0/16";
  return out;
}

TEST(NetworkWish, plain_ones_are_fine) {
  NetworkInfo wanted = wish();
  wanted.ip_range = "10.5.7.0/24";
  wanted.gateway = "10.5.0.9";
  wanted.auxiliary = {{"router", "10.5.0.3"}};
  wanted.options = {{option_bridge_name, "mine0"}, {option_icc, "false"}, {"my.note", "x"}};
  EXPECT_NO_THROW(check_network(wanted));
  NetworkInfo bare;
  bare.name = "a";
  EXPECT_NO_THROW(check_network(bare));
}

TEST(Ipam, ipv6_subnets_are_unique_local_and_their_addresses_are_given_from_the_lowest) {
  const auto first = choose_subnet6({}, 0x123456789a);
  EXPECT_EQ(first->text(), "fd12:3456:789a::/64");
  EXPECT_EQ(choose_subnet6({linux::Cidr6::parse("fd12:3456:789a::/63")}, 0x123456789a)->text(),
            "fd12:3456:789a:2::/64");
  EXPECT_FALSE(choose_subnet6({linux::Cidr6::parse("fd00::/8")}, 1));
  const auto six = [](const char* text) { return linux::Ip6::parse(text); };
  AddressPool6 pool(linux::Cidr6::parse("fd00::/125"), std::nullopt, {six("fd00::1")});
  EXPECT_FALSE(pool.can_be_given(six("fd00::")));
  for (int i = 2; i <= 7; ++i) EXPECT_EQ(pool.take().text(), "fd00::" + std::to_string(i));
  EXPECT_EQ(kind_thrown([&] { pool.take(); }), Kind::unavailable);
  pool.release(six("fd00::4"));
  EXPECT_EQ(kind_thrown([&] { pool.take(six("fd00::5")); }), Kind::conflict);
  EXPECT_EQ(kind_thrown([&] { pool.take(six("fd00:1::5")); }), Kind::invalid_argument);
  EXPECT_EQ(pool.take(), six("fd00::4"));
}

TEST(NetworkWish, ipv6_is_checked_like_ipv4) {
  NetworkInfo wanted = wish();
  wanted.ipv6 = true;
  EXPECT_NO_THROW(check_network(wanted));
  wanted.six.subnet = "fd00:5::/64";
  wanted.six.gateway = "fd00:5::9";
  wanted.six.ip_range = "fd00:5::100/120";
  wanted.six.auxiliary = {{"router", "fd00:5::3"}};
  EXPECT_NO_THROW(check_network(wanted));
  const auto refused = [&](const std::function<void(NetworkInfo&)>& change) {
    NetworkInfo changed = wanted;
    change(changed);
    return kind_thrown([&] { check_network(changed); }) == Kind::invalid_argument;
  };
  using N = NetworkInfo;
  EXPECT_TRUE(refused([](N& n) { n.ipv6 = false; }));
  for (const char* subnet : {"fd00:5::1/64", "fd00:5::", "fd00:5::/127", "fe80::/64", "ff05::/64",
                             "::/64", "::ffff:10.0.0.0/120", "fd00:5::/64 }; flush ruleset", "x:"})
    EXPECT_TRUE(refused([&](N& n) { n.six.subnet = subnet; })) << subnet;
  for (const char* gateway : {"fd00:6::1", "fd00:5::", "10.5.0.1", "x"})
    EXPECT_TRUE(refused([&](N& n) { n.six.gateway = gateway; })) << gateway;
  EXPECT_TRUE(refused([](N& n) { n.six.ip_range = "fd00:6::/80"; }));
  EXPECT_TRUE(refused([](N& n) { n.six.subnet.clear(); }));
  EXPECT_TRUE(refused([](N& n) { n.six.auxiliary["g"] = "fd00:5:0::9"; }));
}

TEST(NetworkWish, what_is_wrong_is_said_before_anything_is_made) {
  const auto refused = [](const std::function<void(NetworkInfo&)>& change) {
    NetworkInfo wanted = wish();
    change(wanted);
    return kind_thrown([&] { check_network(wanted); });
  };
  using N = NetworkInfo;
  for (const char* name : {"", "-x", "a b", "a/b", "a\nb"})
    EXPECT_EQ(refused([&](N& n) { n.name = name; }), Kind::invalid_argument) << name;
  for (const char* subnet : {"10.5.0.1/16", "10.5.0.0", "10.5.0.0/31", "10.0.0.0/33", "x",
                             "127.1.0.0/16", "224.0.0.0/8", "10.5.0.0/16; flush ruleset"})
    EXPECT_EQ(refused([&](N& n) { n.subnet = subnet; }), Kind::invalid_argument) << subnet;
  EXPECT_EQ(refused([](N& n) { n.subnet = "fd00::/64"; }), Kind::invalid_argument);
  for (const char* gateway : {"10.6.0.1", "10.5.0.0", "10.5.255.255", "x"})
    EXPECT_EQ(refused([&](N& n) { n.gateway = gateway; }), Kind::invalid_argument) << gateway;
  EXPECT_EQ(refused([](N& n) { n.ip_range = "10.6.0.0/24"; }), Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.ip_range = "10.0.0.0/8"; }), Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.subnet.clear(), n.gateway = "10.5.0.1"; }),
            Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.driver = "macvlan"; }), Kind::not_found);
  EXPECT_EQ(refused([](N& n) { n.driver = "host"; }), Kind::forbidden);
  EXPECT_EQ(refused([](N& n) { n.options[option_bridge_name] = "a\" drop; \""; }),
            Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.options[option_bridge_name] = "sixteen-letters0"; }),
            Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.options[option_icc] = "maybe"; }), Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.options[option_mtu] = "9"; }), Kind::invalid_argument);
  EXPECT_EQ(refused([](N& n) { n.options["com.docker.network.bridge.other"] = "1"; }),
            Kind::unimplemented);
}

TEST(NetworkText, a_bridge_is_elements_of_sets) {
  NetworkInfo network = wish();
  network.bridge = "br-1";
  const std::string text = nft_bridge("add", network);
  EXPECT_THAT(text, HasSubstr("add element ip slipway bridges { \"br-1\" }\n"));
  EXPECT_THAT(text, HasSubstr("add element ip slipway subnets { 10.5.0.0/16 }\n"));
  EXPECT_THAT(text, HasSubstr("add element ip slipway masqueraded { 10.5.0.0/16 }\n"));
  EXPECT_THAT(text, HasSubstr("add element ip slipway pairs { \"br-1\" . \"br-1\" }\n"));
  EXPECT_THAT(text, Not(HasSubstr(" internal ")));
  network.internal = true;
  network.options[option_icc] = "false";
  const std::string closed = nft_bridge("delete", network);
  EXPECT_THAT(closed, HasSubstr("delete element ip slipway internal { \"br-1\" }\n"));
  EXPECT_THAT(closed, Not(HasSubstr("masqueraded")));
  EXPECT_THAT(closed, Not(HasSubstr("pairs")));
}

TEST(NetworkText, containers_with_names_ask_our_server) {
  Spec spec;
  const std::string host = "search lan\nnameserver 10.0.0.1\noptions edns0\n";
  EXPECT_EQ(embedded_resolv_text(spec, host),
            "nameserver 127.0.0.11\nsearch lan\noptions edns0 ndots:0\n");
  EXPECT_EQ(embedded_resolv_text(spec, ""), "nameserver 127.0.0.11\noptions ndots:0\n");
  spec.dns_search = {"a", "b"};
  spec.host.dns_options = {"ndots:3"};
  spec.dns = {"9.9.9.9"};  // asked by our server
  EXPECT_EQ(embedded_resolv_text(spec, host),
            "nameserver 127.0.0.11\nsearch a b\noptions ndots:3\n");
  spec.dns_search = {"."};
  EXPECT_EQ(embedded_resolv_text(spec, host), "nameserver 127.0.0.11\noptions ndots:3\n");
}

TEST(NetworkText, a_host_port_range_takes_the_first_that_is_free) {
  PortBinding first{8080, "tcp", "127.0.0.1", 0};
  const Fd held = reserve_port("a", "id", first);
  ASSERT_NE(first.host_port, 0);
  PortBinding taken{8080, "tcp", "127.0.0.1", first.host_port};
  EXPECT_EQ(kind_thrown([&] { reserve_port("b", "id", taken); }), Kind::conflict);
  if (first.host_port < 65500) {
    PortBinding range{8080, "tcp", "127.0.0.1", first.host_port,
                      static_cast<uint16_t>(first.host_port + 30)};
    const Fd other = reserve_port("b", "id", range);
    EXPECT_GT(range.host_port, first.host_port);
    EXPECT_EQ(range.host_port_end, 0);
  }
  PortBinding odd{80, "dccp", "", 0}, name{80, "tcp", "host", 0}, far{80, "tcp", "192.0.2.1", 8080};
  EXPECT_EQ(kind_thrown([&] { reserve_port("b", "id", odd); }), Kind::invalid_argument);
  EXPECT_EQ(kind_thrown([&] { reserve_port("b", "id", name); }), Kind::invalid_argument);
  EXPECT_THROW(reserve_port("b", "id", far), Error);
}

TEST(NetworkText, sctp_is_published_where_the_kernel_has_it) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP));
  PortBinding port{80, "sctp", "127.0.0.1", 0};
  if (socket) {
    EXPECT_TRUE(reserve_port("b", "id", port));
    EXPECT_NE(port.host_port, 0);
  } else {
    EXPECT_EQ(kind_thrown([&] { reserve_port("b", "id", port); }), Kind::unavailable);
  }
}

TEST(NetworkText, ports_on_ipv6_are_elements_of_another_table) {
  EXPECT_EQ(nft_element("add", {80, "tcp", "::", 8080}, "fd00::2"),
            "add element ip6 slipway ports_any { tcp . 8080 : fd00::2 . 80 }");
  EXPECT_EQ(nft_element("add", {53, "udp", "fd00::9", 5353}, "fd00::2"),
            "add element ip6 slipway ports_at { fd00::9 . udp . 5353 : fd00::2 . 53 }");
  NetworkInfo network = wish();
  network.bridge = "br-1";
  // Of a network without IPv6: only what keeps others from it.
  EXPECT_EQ(nft_bridge6("add", network),
            "add element ip6 slipway bridges { \"br-1\" }\n"
            "add element ip6 slipway pairs { \"br-1\" . \"br-1\" }\n");
  network.ipv6 = true;
  network.six.subnet = "fd00:1::/64";
  EXPECT_THAT(nft_bridge6("add", network), HasSubstr("masqueraded { fd00:1::/64 }"));
  network.internal = true;
  EXPECT_THAT(nft_bridge6("add", network), Not(HasSubstr("masqueraded")));
}

}  // namespace
}  // namespace slipway::container
