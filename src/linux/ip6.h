// IPv6 addresses and ranges as numbers.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace slipway::linux {

struct Ip6 {
  uint64_t high = 0, low = 0;
  auto operator<=>(const Ip6&) const = default;
  static Ip6 parse(std::string_view text);          // throws Error(invalid_argument)
  static Ip6 from_bytes(std::string_view sixteen);  // network order
  std::string text() const;                         // the shortest form
  std::string bytes() const;
  Ip6 plus(uint64_t n) const;
};

// "fd00:1::/64"; host bits are cleared. parse throws Error(invalid_argument).
struct Cidr6 {
  Ip6 network;
  int prefix = 0;
  static Cidr6 parse(std::string_view text);
  std::string text() const;
  Ip6 last() const;
  bool contains(const Ip6& address) const;
};

}  // namespace slipway::linux
