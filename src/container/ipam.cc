#include "container/ipam.h"

#include "base/error.h"

namespace slipway::container {
namespace {

uint32_t last_of(const linux::Cidr4& range) {
  return range.network |
         (range.prefix == 0 ? ~uint32_t{0} : (uint64_t{1} << (32 - range.prefix)) - 1);
}
linux::Ip6 last_of(const linux::Cidr6& range) {
  return range.last();
}

uint32_t behind(uint32_t address) {
  return address + 1;
}
linux::Ip6 behind(const linux::Ip6& address) {
  return address.plus(1);
}

std::string text_of(uint32_t address) {
  return linux::ipv4_text(address);
}
std::string text_of(const linux::Ip6& address) {
  return address.text();
}

// Neither the network's own nor the broadcast address, where a subnet has such.
bool is_special(const linux::Cidr4& subnet, uint32_t address) {
  return subnet.prefix < 31 && (address == subnet.network || address == last_of(subnet));
}
bool is_special(const linux::Cidr6& subnet, const linux::Ip6& address) {
  return subnet.prefix < 127 && address == subnet.network;  // that of all its routers
}

const char* version(const linux::Cidr4&) {
  return "IPv4";
}
const char* version(const linux::Cidr6&) {
  return "IPv6";
}

}  // namespace

bool overlap(const linux::Cidr4& a, const linux::Cidr4& b) {
  return a.prefix <= b.prefix ? a.contains(b.network) : b.contains(a.network);
}

bool overlap(const linux::Cidr6& a, const linux::Cidr6& b) {
  return a.prefix <= b.prefix ? a.contains(b.network) : b.contains(a.network);
}

std::optional<linux::Cidr4> choose_subnet(const std::vector<linux::Cidr4>& used) {
  // 172.31.0.0/16 is left out: it is every region's default VPC, whose tasks have bridges too.
  static const auto candidates = [] {
    std::vector<linux::Cidr4> out;
    for (uint32_t second = 18; second <= 30; ++second)
      out.push_back({172u << 24 | second << 16, 16});
    for (uint32_t part = 0; part < 16; ++part)
      out.push_back({192u << 24 | 168u << 16 | part << 12, 20});
    for (uint32_t part = 0; part < 256; ++part)
      out.push_back({10u << 24 | 240u << 16 | part << 12, 20});
    return out;
  }();
  for (const auto& candidate : candidates) {
    if (std::none_of(used.begin(), used.end(),
                     [&](const auto& u) { return overlap(u, candidate); }))
      return candidate;
  }
  return std::nullopt;
}

std::optional<linux::Cidr6> choose_subnet6(const std::vector<linux::Cidr6>& used,
                                           uint64_t global_id) {
  const uint64_t site = uint64_t{0xfd} << 56 | (global_id & 0xff'ffff'ffff) << 16;
  for (uint64_t n = 0; n < 65536; ++n) {
    const linux::Cidr6 candidate{{site | n, 0}, 64};
    if (std::none_of(used.begin(), used.end(),
                     [&](const auto& u) { return overlap(u, candidate); }))
      return candidate;
  }
  return std::nullopt;
}

template <typename Range>
bool Pool<Range>::can_be_given(const Address& address) const {
  return subnet_.contains(address) && !reserved_.contains(address) && !is_special(subnet_, address);
}

template <typename Range>
auto Pool<Range>::take() -> Address {
  const Address last = last_of(range_);
  auto used = used_.lower_bound(range_.network);
  for (Address address = range_.network;; address = behind(address)) {
    if (used != used_.end() && *used == address) {
      ++used;
    } else if (can_be_given(address)) {
      used_.insert(used, address);
      return address;
    }
    if (address == last) break;
  }
  throw unavailable("no available {} addresses on this network's address pools: {}",
                    version(range_), range_.text());
}

template <typename Range>
void Pool<Range>::take(const Address& address) {
  if (!subnet_.contains(address))
    throw invalid_argument("no configured subnet contains IP address {}", text_of(address));
  if (!can_be_given(address) || !used_.insert(address).second)
    throw conflict("Address already in use: {}", text_of(address));
}

template class Pool<linux::Cidr4>;
template class Pool<linux::Cidr6>;

}  // namespace slipway::container
