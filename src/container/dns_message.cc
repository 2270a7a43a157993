#include "container/dns_message.h"

#include "base/strings.h"

namespace slipway::container::dns {
namespace {

constexpr size_t header_size = 12, name_limit = 255, label_limit = 63;
constexpr uint16_t class_in = 1, type_opt = 41;
constexpr uint32_t time_to_live = 600;
constexpr size_t edns_record = 11, most_udp = 4096;  // bytes of an empty one; of a datagram
// Bits of the flags word.
constexpr uint16_t response_bit = 0x8000, opcode_bits = 0x7800, truncated_bit = 0x0200,
                   desired_bit = 0x0100, available_bit = 0x0080;

uint16_t u16_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

void put_u16(std::string& out, size_t value) {
  out += static_cast<char>(value >> 8 & 255);
  out += static_cast<char>(value & 255);
}

void put_u32(std::string& out, uint32_t value) {
  put_u16(out, value >> 16);
  put_u16(out, value & 0xffff);
}

// The name at `at`, which is moved behind it. A dot within a label would be another name: refused.
std::optional<std::string> read_name(std::string_view bytes, size_t& at) {
  std::string name;
  for (;;) {
    if (at >= bytes.size()) return std::nullopt;
    const auto length = static_cast<uint8_t>(bytes[at++]);
    if (length == 0) return name;
    if (length > label_limit || length > bytes.size() - at) return std::nullopt;
    const auto label = bytes.substr(at, length);
    if (label.find('.') != std::string_view::npos) return std::nullopt;
    if (!name.empty()) name += '.';
    name += to_lower(label);
    at += length;
    if (name.size() >= name_limit) return std::nullopt;
  }
}

// False when the name cannot be written as labels.
bool put_name(std::string& out, std::string_view name) {
  if (name.size() >= name_limit) return false;
  for (const auto& label : split(name, '.')) {
    if (label.empty() || label.size() > label_limit) return false;
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  return true;
}

// An EDNS record is the only kind that may follow a question; it tells the size of datagrams.
void read_edns(std::string_view bytes, Query& query) {
  const size_t at = query.question_end;
  if (u16_at(bytes, 6) != 0 || u16_at(bytes, 8) != 0 || u16_at(bytes, 10) == 0) return;
  if (bytes.size() - at < edns_record || bytes[at] != 0 || u16_at(bytes, at + 1) != type_opt)
    return;
  query.edns = true;
  query.udp_size = std::clamp<size_t>(u16_at(bytes, at + 3), udp_limit, most_udp);
}

std::string reply_header(std::string_view request, Rcode rcode) {
  std::string out(request.substr(0, 2));
  const uint16_t kept = u16_at(request, 2) & (opcode_bits | desired_bit);
  put_u16(out, static_cast<size_t>(response_bit | available_bit | kept | rcode));
  out.append(8, '\0');
  return out;
}

void set_count(std::string& out, size_t offset, size_t count) {
  out[offset] = static_cast<char>(count >> 8 & 255);
  out[offset + 1] = static_cast<char>(count & 255);
}

std::string record(uint16_t type, std::string_view data) {
  std::string out = "\xc0\x0c";  // the question's name
  put_u16(out, type);
  put_u16(out, class_in);
  put_u32(out, time_to_live);
  put_u16(out, data.size());
  out += data;
  return out;
}

std::vector<std::string> records_of(const Answer& answer) {
  std::vector<std::string> out;
  for (const uint32_t address : answer.addresses) {
    std::string data;
    put_u32(data, address);
    out.push_back(record(type_a, data));
  }
  for (const linux::Ip6& address : answer.addresses6)
    out.push_back(record(type_aaaa, address.bytes()));
  std::string data;
  if (!answer.pointer.empty() && put_name(data, answer.pointer))
    out.push_back(record(type_ptr, data));
  return out;
}

}  // namespace

Parsed parse_query(std::string_view bytes) {
  if (bytes.size() < header_size || bytes.size() > message_limit) return {};
  const uint16_t flags = u16_at(bytes, 2);
  if ((flags & response_bit) != 0) return {};
  if ((flags & opcode_bits) != 0) return {std::nullopt, not_implemented};
  if (u16_at(bytes, 4) != 1) return {std::nullopt, format_error};
  Query query;
  query.id = u16_at(bytes, 0);
  query.recursion_desired = (flags & desired_bit) != 0;
  size_t at = header_size;
  auto name = read_name(bytes, at);
  if (!name || bytes.size() - at < 4) return {std::nullopt, format_error};
  query.name = std::move(*name);
  query.type = u16_at(bytes, at);
  query.qclass = u16_at(bytes, at + 2);
  query.question_end = at + 4;
  read_edns(bytes, query);
  return {std::move(query), std::nullopt};
}

std::string make_reply(std::string_view request, const Query& query, Rcode rcode,
                       const Answer& answer, size_t limit) {
  std::string out = reply_header(request, rcode);
  set_count(out, 4, 1);
  out += request.substr(header_size, query.question_end - header_size);
  size_t count = 0;
  const size_t behind = query.edns ? edns_record : 0;
  for (const auto& record : records_of(answer)) {
    if (out.size() + record.size() + behind > limit) {
      out[2] = static_cast<char>(out[2] | truncated_bit >> 8);
      break;
    }
    out += record;
    ++count;
  }
  set_count(out, 6, count);
  if (query.edns) {
    out += '\0';
    put_u16(out, type_opt);
    put_u16(out, most_udp);
    out.append(6, '\0');  // no flags, no options
    set_count(out, 10, 1);
  }
  return out;
}

std::string make_refusal(std::string_view request, Rcode rcode) {
  return reply_header(request, rcode);
}

bool answers(std::string_view reply, std::string_view request) {
  if (reply.size() < header_size || message_id(reply) != message_id(request)) return false;
  if ((u16_at(reply, 2) & response_bit) == 0) return false;
  const auto asked = parse_query(request).query;
  if (!asked) return false;
  // Some servers refuse without repeating the question.
  if (u16_at(reply, 4) == 0) return (u16_at(reply, 2) & 15) != 0;
  size_t at = header_size;
  const auto name = read_name(reply, at);
  return name && u16_at(reply, 4) == 1 && reply.size() - at >= 4 && *name == asked->name &&
         u16_at(reply, at) == asked->type && u16_at(reply, at + 2) == asked->qclass;
}

uint16_t message_id(std::string_view bytes) {
  return bytes.size() < 2 ? 0 : u16_at(bytes, 0);
}

void set_message_id(std::string& bytes, uint16_t id) {
  if (bytes.size() >= 2) set_count(bytes, 0, id);
}

std::optional<uint32_t> reverse_address(std::string_view name) {
  constexpr std::string_view suffix = ".in-addr.arpa";
  if (!name.ends_with(suffix)) return std::nullopt;
  const auto parts = split(name.substr(0, name.size() - suffix.size()), '.');
  if (parts.size() != 4) return std::nullopt;
  uint32_t address = 0;
  for (size_t i = 4; i-- > 0;) {
    const auto number = parts[i].size() <= 3 ? parse_uint(parts[i]) : std::nullopt;
    if (!number || *number > 255) return std::nullopt;
    address = address << 8 | static_cast<uint32_t>(*number);
  }
  return address;
}

std::optional<linux::Ip6> reverse_address6(std::string_view name) {
  constexpr std::string_view suffix = ".ip6.arpa";
  // 32 digits, the last of the address first, with dots between them.
  if (name.size() != 63 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  linux::Ip6 out;
  for (size_t i = 32; i-- > 0;) {
    const char digit = name[2 * i];
    if (i < 31 && name[2 * i + 1] != '.') return std::nullopt;
    const auto value = std::string_view("0123456789abcdef").find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    uint64_t& half = i >= 16 ? out.high : out.low;
    half = half << 4 | value;
  }
  return out;
}

}  // namespace slipway::container::dns
