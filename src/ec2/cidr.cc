// Parsing and printing of address blocks.
#include "ec2/cidr.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/strings.h"

namespace slipway::ec2 {

std::optional<uint32_t> parse_ipv4(std::string_view text) {
  in_addr address{};
  if (text.size() > 15 || inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
    return std::nullopt;
  return ntohl(address.s_addr);
}

std::string format_ipv4(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                     address & 255);
}

std::string Cidr::text() const {
  return fmt::format("{}/{}", format_ipv4(base), bits);
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const auto [address, bits] = split_once(text, '/');
  const auto base = parse_ipv4(address);
  const auto count = parse_uint(bits);
  if (!base || !count || *count > 32) return std::nullopt;
  Cidr out;
  out.bits = static_cast<int>(*count);
  out.base = *base & out.mask();
  return out;
}

bool valid_ipv6_cidr(std::string_view text) {
  const auto [address, bits] = split_once(text, '/');
  in6_addr parsed{};
  const auto count = parse_uint(bits);
  return count && *count <= 128 && inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

}  // namespace slipway::ec2
