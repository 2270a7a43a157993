// The name server: messages, names as each container sees them, and the server over real sockets.
#include <gtest/gtest.h>

#include "container/dns_message.h"
#include "container/dns_names.h"
#include "container/dns_server.h"
#include "linux/links.h"

namespace slipway::container {
namespace {

using dns::Answer;
using linux::parse_ipv4;

// A query as a resolver sends it.
std::string query_text(const std::vector<std::string>& labels, uint16_t type,
                       uint16_t id = 0x1234) {
  std::string out = {
      static_cast<char>(id >> 8), static_cast<char>(id & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const auto& label : labels) out += static_cast<char>(label.size()) + label;
  out += '\0';
  return out + static_cast<char>(type >> 8) + static_cast<char>(type & 255) +
         std::string("\0\1", 2);
}

TEST(DnsMessage, a_query_is_read) {
  const auto text = query_text({"Web", "Lan"}, dns::type_a);
  const auto parsed = dns::parse_query(text);
  ASSERT_TRUE(parsed.query);
  EXPECT_EQ(parsed.query->name, "web.lan");
  EXPECT_EQ(parsed.query->id, 0x1234);
  EXPECT_EQ(parsed.query->type, dns::type_a);
  EXPECT_EQ(parsed.query->qclass, 1);
  EXPECT_EQ(parsed.query->question_end, text.size());
  EXPECT_EQ(parsed.query->udp_size, 512u);
}

TEST(DnsMessage, edns_tells_how_much_fits_into_a_datagram) {
  auto text = query_text({"web"}, dns::type_a);
  text[11] = 1;
  text += std::string("\0\0\x29\x10\0\0\0\0\0\0\0", 11);
  EXPECT_EQ(dns::parse_query(text).query->udp_size, 4096u);
  text[text.size() - 8] = 0x7f;  // more than we send
  EXPECT_EQ(dns::parse_query(text).query->udp_size, 4096u);
  EXPECT_EQ(dns::parse_query(text.substr(0, text.size() - 1)).query->udp_size, 512u);
}

TEST(DnsMessage, what_is_no_question_is_refused_or_dropped) {
  const auto good = query_text({"web"}, dns::type_a);
  for (size_t size = 0; size < 12; ++size) {
    const auto parsed = dns::parse_query(good.substr(0, size));
    EXPECT_FALSE(parsed.query || parsed.refusal) << size;
  }
  for (size_t size = 12; size < good.size(); ++size)
    EXPECT_EQ(dns::parse_query(good.substr(0, size)).refusal, dns::format_error) << size;
  const auto with = [&](size_t at, char value) {
    auto text = good;
    text[at] = value;
    return dns::parse_query(text);
  };
  EXPECT_FALSE(with(2, '\x81').refusal);  // an answer
  EXPECT_FALSE(with(2, '\x81').query);
  EXPECT_EQ(with(2, '\x29').refusal, dns::not_implemented);
  EXPECT_EQ(with(5, 2).refusal, dns::format_error);
  EXPECT_EQ(with(12, '\xc0').refusal, dns::format_error);  // a pointer where none can be
  EXPECT_EQ(with(13, '.').refusal, dns::format_error);
  const std::vector<std::string> endless(80, "abc");
  EXPECT_EQ(dns::parse_query(query_text(endless, 1)).refusal, dns::format_error);
}

TEST(DnsMessage, a_reply_repeats_the_question_and_holds_what_fits) {
  const auto text = query_text({"web"}, dns::type_a);
  const auto query = *dns::parse_query(text).query;
  const auto reply =
      dns::make_reply(text, query, dns::no_error, {{parse_ipv4("10.0.0.9")}, ""}, 512);
  EXPECT_TRUE(dns::answers(reply, text));
  EXPECT_EQ(static_cast<uint8_t>(reply[2]), 0x81);
  EXPECT_EQ(reply[7], 1);
  EXPECT_TRUE(reply.ends_with(std::string("\0\4\x0a\0\0\x09", 6)));
  Answer many;
  for (uint32_t i = 0; i < 100; ++i) many.addresses.push_back(i);
  const auto cut = dns::make_reply(text, query, dns::no_error, many, 512);
  EXPECT_LE(cut.size(), 512u);
  EXPECT_NE(cut[2] & 2, 0);
  EXPECT_EQ(cut[7], static_cast<char>((512 - text.size()) / 16));
  EXPECT_EQ(dns::make_reply(text, query, dns::no_error, many, 65535)[2] & 2, 0);
}

TEST(DnsMessage, who_speaks_edns_gets_edns_and_ipv6_addresses_fit_beside_it) {
  auto text = query_text({"web"}, dns::type_aaaa);
  text[11] = 1;
  text += std::string("\0\0\x29\2\0\0\0\0\0\0\0", 11);  // 512 bytes
  const auto query = *dns::parse_query(text).query;
  EXPECT_TRUE(query.edns);
  Answer answer;
  answer.addresses6 = {linux::Ip6::parse("fd00::9")};
  const auto reply = dns::make_reply(text, query, dns::no_error, answer, query.udp_size);
  EXPECT_TRUE(dns::answers(reply, text));
  EXPECT_EQ(reply[7], 1);   // answers
  EXPECT_EQ(reply[11], 1);  // additional records
  EXPECT_TRUE(reply.ends_with(answer.addresses6[0].bytes() +
                              std::string("\0\0\x29\x10\0\0\0\0\0\0\0", 11)));
  answer.addresses6.resize(100);
  const auto cut = dns::make_reply(text, query, dns::no_error, answer, query.udp_size);
  EXPECT_LE(cut.size(), 512u);
  EXPECT_NE(cut[2] & 2, 0);
  EXPECT_EQ(cut[11], 1);
}

TEST(DnsMessage, an_answer_to_something_else_is_not_taken) {
  const auto text = query_text({"web"}, dns::type_a);
  const auto other = query_text({"wed"}, dns::type_a), type = query_text({"web"}, dns::type_aaaa),
             id = query_text({"web"}, dns::type_a, 7);
  const auto reply_to = [](const std::string& asked) {
    return dns::make_reply(asked, *dns::parse_query(asked).query, dns::no_error, {}, 512);
  };
  EXPECT_TRUE(dns::answers(reply_to(text), text));
  EXPECT_FALSE(dns::answers(reply_to(other), text));
  EXPECT_FALSE(dns::answers(reply_to(type), text));
  EXPECT_FALSE(dns::answers(reply_to(id), text));
  EXPECT_FALSE(dns::answers(text, text));
  EXPECT_TRUE(dns::answers(dns::make_refusal(text, dns::server_failure), text));
  auto changed = reply_to(id);
  dns::set_message_id(changed, 0x1234);
  EXPECT_TRUE(dns::answers(changed, text));
}

TEST(DnsMessage, reverse_names_are_addresses) {
  EXPECT_EQ(dns::reverse_address("4.3.2.1.in-addr.arpa"), parse_ipv4("1.2.3.4"));
  for (const char* name : {"3.2.1.in-addr.arpa", "5.4.3.2.1.in-addr.arpa", "256.1.1.1.in-addr.arpa",
                           "a.3.2.1.in-addr.arpa", ".3.2.1.in-addr.arpa", "4.3.2.1.ip6.arpa", ""})
    EXPECT_FALSE(dns::reverse_address(name)) << name;
  EXPECT_EQ(dns::reverse_address6("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0."
                                  "0.0.d.f.ip6.arpa"),
            linux::Ip6::parse("fd00:1::2"));
  for (const char* name :
       {"", "ip6.arpa", "d.f.ip6.arpa",
        "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.g.ip6.arpa",
        "200000000000000000000000000000000000000000000000000000000000000.ip6.arpa"})
    EXPECT_FALSE(dns::reverse_address6(name)) << name;
}

std::vector<uint32_t> ips(std::initializer_list<const char*> texts) {
  std::vector<uint32_t> out;
  for (const char* text : texts) out.push_back(parse_ipv4(text));
  return out;
}

TEST(DnsNames, containers_see_the_names_of_their_networks) {
  DnsNames names;
  names.put("web-id", "n1", {"front", parse_ipv4("10.1.0.2"), {"web", "Shop"}, {{"Store", "db"}}});
  names.put("db-id", "n2", {"back", parse_ipv4("10.2.0.3"), {"db"}, {}});
  EXPECT_EQ(names.resolve("web-id", "WEB").ip, ips({"10.1.0.2"}));
  EXPECT_EQ(names.resolve("web-id", "shop").ip, ips({"10.1.0.2"}));
  EXPECT_TRUE(names.resolve("web-id", "db").ip.empty());
  EXPECT_TRUE(names.resolve("web-id", "store").ip.empty());
  EXPECT_TRUE(names.resolve("stranger", "web").ip.empty());
  names.put("db-id", "n1", {"front", parse_ipv4("10.1.0.3"), {"db", "data"}, {}});
  names.put("db2-id", "n1", {"front", parse_ipv4("10.1.0.4"), {"db2", "data"}, {}});
  EXPECT_EQ(names.resolve("web-id", "data").ip, ips({"10.1.0.3", "10.1.0.4"}));
  EXPECT_EQ(names.resolve("web-id", "db.front").ip, ips({"10.1.0.3"}));
  EXPECT_TRUE(names.resolve("web-id", "db.back").ip.empty());
  EXPECT_EQ(names.resolve("web-id", "store").ip, ips({"10.1.0.3"}));
  EXPECT_TRUE(names.resolve("db-id", "store").ip.empty());  // a link is its owner's alone
  EXPECT_EQ(names.reverse("web-id", parse_ipv4("10.1.0.4")), "db2.front");
  EXPECT_FALSE(names.reverse("web-id", parse_ipv4("10.2.0.3")));
  names.erase("db-id", "n1");
  EXPECT_TRUE(names.resolve("web-id", "db").ip.empty());
  EXPECT_EQ(names.resolve("db-id", "db").ip, ips({"10.2.0.3"}));
  names.erase("db-id");
  EXPECT_TRUE(names.resolve("db-id", "db").ip.empty());
}

TEST(DnsNames, a_name_on_several_networks_is_that_of_the_first_in_the_order_of_routes) {
  DnsNames names;
  const auto put = [&](const char* network, const char* self, const char* web, bool internal,
                       int priority) {
    const std::string id = std::string("id-of-") + network;
    names.put("self", id, {network, parse_ipv4(self), {"self"}, {}, internal, priority});
    names.put("web", id, {network, parse_ipv4(web), {"web"}, {}, internal, 0});
  };
  put("middle", "10.2.0.2", "10.2.0.3", false, 0);
  put("able", "10.1.0.2", "10.1.0.3", true, 0);
  EXPECT_EQ(names.resolve("self", "web").ip, ips({"10.2.0.3"}));  // internal ones come last
  put("before", "10.3.0.2", "10.3.0.3", false, 0);
  EXPECT_EQ(names.resolve("self", "web").ip, ips({"10.3.0.3"}));  // by name
  put("zebra", "10.4.0.2", "10.4.0.3", false, 5);
  EXPECT_EQ(names.resolve("self", "web").ip, ips({"10.4.0.3"}));  // by priority before that
  EXPECT_EQ(names.resolve("self", "web.able").ip, ips({"10.1.0.3"}));
  names.erase("web", "id-of-zebra");
  EXPECT_EQ(names.resolve("self", "web").ip, ips({"10.3.0.3"}));
  EXPECT_EQ(names.resolve("self", "self").ip, ips({"10.4.0.2"}));
}

TEST(DnsNames, ipv6_addresses_are_found_on_the_first_network_that_has_them) {
  DnsNames names;
  const auto six = linux::Ip6::parse("fd00::3");
  names.put("self", "n1", {"four", parse_ipv4("10.1.0.2"), {"self"}, {}});
  names.put("web", "n1", {"four", parse_ipv4("10.1.0.3"), {"web"}, {}});
  EXPECT_TRUE(names.resolve("self", "web").known);
  EXPECT_TRUE(names.resolve("self", "web").ip6.empty());
  names.put("self", "n2", {"six", parse_ipv4("10.2.0.2"), {"self"}, {}});
  names.put("web", "n2", {"six", parse_ipv4("10.2.0.3"), {"web"}, {}, false, 0, six});
  EXPECT_EQ(names.resolve("self", "web").ip, ips({"10.1.0.3"}));
  EXPECT_EQ(names.resolve("self", "web").ip6, std::vector{six});
  EXPECT_EQ(names.reverse("self", six), "web.six");
  EXPECT_FALSE(names.reverse("self", linux::Ip6::parse("fd00::4")));
  EXPECT_FALSE(names.resolve("self", "nobody").known);
}

TEST(DnsNames, one_way_out_is_enough) {
  DnsNames names;
  names.put("a", "n1", {"closed", 1, {"a"}, {}, true});
  EXPECT_FALSE(names.reaches_outside("a"));
  names.put("a", "n2", {"bridge", 2, {}, {}, false});
  EXPECT_TRUE(names.reaches_outside("a"));
}

TEST(DnsServer, name_servers_are_read_from_resolv_conf) {
  EXPECT_EQ(DnsServer::servers_of("# x\nnameserver 10.0.0.1\n nameserver\t::1 \nnameserver bad\n"
                                  "nameserver\nsearch lan\n"),
            (std::vector<std::string>{"10.0.0.1", "::1"}));
}

}  // namespace
}  // namespace slipway::container
