#include "container/ipam.h"

#include "base/error.h"

namespace slipway::container {
namespace {

uint32_t last_of(const linux::Cidr4& range) {
  return range.network |
         (range.prefix == 0 ? ~uint32_t{0} : (uint64_t{1} << (32 - range.prefix)) - 1);
}

}  // namespace

bool overlap(const linux::Cidr4& a, const linux::Cidr4& b) {
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

AddressPool::AddressPool(const linux::Cidr4& subnet, const std::optional<linux::Cidr4>& range,
                         std::set<uint32_t> reserved)
    : subnet_(subnet), range_(range.value_or(subnet)), reserved_(std::move(reserved)) {}

bool AddressPool::can_be_given(uint32_t address) const {
  if (!subnet_.contains(address) || reserved_.contains(address)) return false;
  // Neither the network's own nor the broadcast address, where a subnet has such.
  return subnet_.prefix >= 31 || (address != subnet_.network && address != last_of(subnet_));
}

uint32_t AddressPool::take() {
  const uint64_t last = last_of(range_);
  auto used = used_.lower_bound(range_.network);
  for (uint64_t wide = range_.network; wide <= last; ++wide) {
    const auto address = static_cast<uint32_t>(wide);
    if (used != used_.end() && *used == address) {
      ++used;
      continue;
    }
    if (!can_be_given(address)) continue;
    used_.insert(used, address);
    return address;
  }
  throw unavailable("no available IPv4 addresses on this network's address pools: {}",
                    range_.text());
}

void AddressPool::take(uint32_t address) {
  if (!subnet_.contains(address))
    throw invalid_argument("no configured subnet contains IP address {}",
                           linux::ipv4_text(address));
  if (!can_be_given(address) || !used_.insert(address).second)
    throw conflict("Address already in use: {}", linux::ipv4_text(address));
}

void AddressPool::release(uint32_t address) {
  used_.erase(address);
}

}  // namespace slipway::container
