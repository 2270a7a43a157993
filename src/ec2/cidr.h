// IPv4 address blocks. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slipway::ec2 {

std::optional<uint32_t> parse_ipv4(std::string_view text);
std::string format_ipv4(uint32_t address);

struct Cidr {
  uint32_t base = 0;  // host bits are zero
  int bits = 0;
  uint32_t mask() const { return bits == 0 ? 0 : ~uint32_t{0} << (32 - bits); }
  uint64_t size() const { return uint64_t{1} << (32 - bits); }
  bool contains(uint32_t address) const { return (address & mask()) == base; }
  bool contains(const Cidr& other) const { return other.bits >= bits && contains(other.base); }
  bool overlaps(const Cidr& other) const { return contains(other) || other.contains(*this); }
  std::string text() const;
};

// "10.0.0.0/16"; host bits are cleared, as EC2 does. nullopt when malformed.
std::optional<Cidr> parse_cidr(std::string_view text);
bool valid_ipv6_cidr(std::string_view text);

}  // namespace slipway::ec2
