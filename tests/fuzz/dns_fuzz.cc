// DNS messages from containers (queries) and from name servers (replies to them): read, answered,
// never beyond their bounds. What can be read must survive being answered.
#include <cstdlib>

#include "container/dns_message.h"

namespace dns = slipway::container::dns;

static void check(bool holds) {
  if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto parsed = dns::parse_query(all);
  check(!(parsed.query && parsed.refusal));
  if (parsed.refusal) check(dns::make_refusal(all, *parsed.refusal).size() == 12);
  if (parsed.query) {
    const auto& query = *parsed.query;
    check(query.question_end <= size && query.name.size() < 255);
    dns::reverse_address(query.name);
    // A name of an address is all of it.
    if (dns::reverse_address6(query.name)) check(query.name.size() == 72);
    dns::Answer answer;
    for (uint32_t i = 0; i < size % 64; ++i) answer.addresses.push_back(i);
    answer.pointer = query.name;
    for (uint64_t i = 0; i < size % 7; ++i) answer.addresses6.push_back({i, size});
    const auto reply = dns::make_reply(all, query, dns::no_error, answer, query.udp_size);
    check(reply.size() <= query.udp_size && dns::answers(reply, all));
  }
  // The first byte cuts the input into a question and a reply.
  if (size == 0) return 0;
  const size_t cut = std::min<size_t>(data[0], size);
  dns::answers(all.substr(cut), all.substr(0, cut));
  std::string text(all);
  dns::set_message_id(text, 7);
  check(size < 2 || dns::message_id(text) == 7);
  return 0;
}
