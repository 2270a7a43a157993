// DNS messages, as far as a resolver that answers for containers and forwards the rest must read
// and write them (RFC 1035). Pure. Everything read here comes from a container or from the network:
// it is bounded and never trusted.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/ip6.h"

namespace slipway::container::dns {

enum Type : uint16_t { type_a = 1, type_ptr = 12, type_aaaa = 28, type_any = 255 };
enum Rcode : uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4
};
inline constexpr size_t udp_limit = 512, message_limit = 65535;

struct Query {
  uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // lower case, without the last dot; "" is the root
  uint16_t type = 0, qclass = 0;
  size_t question_end = 0;      // offset behind the question
  size_t udp_size = udp_limit;  // what the asker takes in a datagram
  bool edns = false;            // it speaks EDNS: so does the reply
};

struct Parsed {
  std::optional<Query> query;
  // Without a query: what to answer (nullopt: nothing, it was no question at all).
  std::optional<Rcode> refusal;
};

// One question of class IN; names without compression.
Parsed parse_query(std::string_view bytes);

struct Answer {
  std::vector<uint32_t> addresses;     // A records, host order
  std::string pointer;                 // a PTR record's name, without the last dot
  std::vector<linux::Ip6> addresses6;  // AAAA records
};
// The reply to a message whose query was read: its question repeated, then the records that fit
// (the truncation bit says that some did not).
std::string make_reply(std::string_view request, const Query& query, Rcode rcode,
                       const Answer& answer, size_t limit);
// The reply to what could not be read; request has at least a header.
std::string make_refusal(std::string_view request, Rcode rcode);

// Whether this is the answer to that: id and question are the same.
bool answers(std::string_view reply, std::string_view request);
uint16_t message_id(std::string_view bytes);  // 0 when it has none
void set_message_id(std::string& bytes, uint16_t id);

// 4.3.2.1.in-addr.arpa -> 1.2.3.4
std::optional<uint32_t> reverse_address(std::string_view name);
// The same under ip6.arpa, digit by digit.
std::optional<linux::Ip6> reverse_address6(std::string_view name);

}  // namespace slipway::container::dns
