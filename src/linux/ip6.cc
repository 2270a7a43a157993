#include "linux/ip6.h"

#include <arpa/inet.h>

#include "base/error.h"
#include "base/strings.h"

namespace slipway::linux {
namespace {

// The bits that name the network.
Ip6 ip6_mask(int prefix) {
  const auto part = [](int bits) {
    return bits <= 0 ? 0 : bits >= 64 ? ~uint64_t{0} : ~uint64_t{0} << (64 - bits);
  };
  return {part(prefix), part(prefix - 64)};
}

}  // namespace

Ip6 Ip6::from_bytes(std::string_view sixteen) {
  if (sixteen.size() != 16) throw invalid_argument("an IPv6 address has 16 bytes");
  Ip6 out;
  for (size_t i = 0; i < 16; ++i) {
    uint64_t& half = i < 8 ? out.high : out.low;
    half = half << 8 | static_cast<uint8_t>(sixteen[i]);
  }
  return out;
}

Ip6 Ip6::parse(std::string_view text) {
  char bytes[16];
  if (::inet_pton(AF_INET6, std::string(text).c_str(), bytes) != 1)
    throw invalid_argument("not an IPv6 address: {}", text);
  return from_bytes({bytes, sizeof bytes});
}

std::string Ip6::bytes() const {
  std::string out(16, '\0');
  for (size_t i = 0; i < 8; ++i) {
    out[i] = static_cast<char>(high >> (56 - 8 * i) & 255);
    out[i + 8] = static_cast<char>(low >> (56 - 8 * i) & 255);
  }
  return out;
}

std::string Ip6::text() const {
  char out[INET6_ADDRSTRLEN];
  const std::string all = bytes();
  return ::inet_ntop(AF_INET6, all.data(), out, sizeof out) == nullptr ? "" : out;
}

Ip6 Ip6::plus(uint64_t n) const {
  const uint64_t sum = low + n;
  return {high + (sum < low ? 1 : 0), sum};
}

Cidr6 Cidr6::parse(std::string_view text) {
  const auto [address, length] = split_once(text, '/');
  const auto number =
      text.find('/') == std::string_view::npos ? std::optional<uint64_t>(128) : parse_uint(length);
  if (!number || *number > 128) throw invalid_argument("not an IPv6 range: {}", text);
  Cidr6 out;
  out.prefix = static_cast<int>(*number);
  out.network = Ip6::parse(address);
  const Ip6 mask = ip6_mask(out.prefix);
  out.network.high &= mask.high;
  out.network.low &= mask.low;
  return out;
}

std::string Cidr6::text() const {
  return fmt::format("{}/{}", network.text(), prefix);
}

Ip6 Cidr6::last() const {
  const Ip6 mask = ip6_mask(prefix);
  return {network.high | ~mask.high, network.low | ~mask.low};
}

bool Cidr6::contains(const Ip6& address) const {
  const Ip6 mask = ip6_mask(prefix);
  return (address.high & mask.high) == network.high && (address.low & mask.low) == network.low;
}

}  // namespace slipway::linux
