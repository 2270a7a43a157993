// Addresses: which subnet a new network gets, and which address a container gets of it. Pure; what
// is in use elsewhere on the machine is told by the caller. IPv4 and IPv6.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "linux/ip6.h"
#include "linux/links.h"

namespace slipway::container {

bool overlap(const linux::Cidr4& a, const linux::Cidr4& b);
bool overlap(const linux::Cidr6& a, const linux::Cidr6& b);

// The first subnet of the built-in pools that touches nothing in `used`; nullopt: all are taken.
std::optional<linux::Cidr4> choose_subnet(const std::vector<linux::Cidr4>& used);
// The first free /64 of the /48 of unique local addresses that has this global id (40 bits).
std::optional<linux::Cidr6> choose_subnet6(const std::vector<linux::Cidr6>& used,
                                           uint64_t global_id);

// The addresses of one network. Range: Cidr4 or Cidr6. Not thread-safe.
template <typename Range>
class Pool {
 public:
  using Address = decltype(Range::network);
  // range: the part that take() chooses from; the whole subnet when empty. reserved (the gateway,
  // auxiliary addresses) are never given.
  Pool(const Range& subnet, const std::optional<Range>& range, std::set<Address> reserved)
      : subnet_(subnet), range_(range.value_or(subnet)), reserved_(std::move(reserved)) {}
  // The lowest free one: a container that is restarted keeps its address as a rule.
  Address take();
  // This one. Throws Error(conflict) "Address already in use", Error(invalid_argument) when it is
  // none of the subnet's.
  void take(const Address& address);
  void release(const Address& address) { used_.erase(address); }
  bool can_be_given(const Address& address) const;  // whether in use or not
  size_t in_use() const { return used_.size(); }
  const Range& subnet() const { return subnet_; }

 private:
  Range subnet_, range_;
  std::set<Address> reserved_;
  std::set<Address> used_;
};
extern template class Pool<linux::Cidr4>;
extern template class Pool<linux::Cidr6>;
using AddressPool = Pool<linux::Cidr4>;
using AddressPool6 = Pool<linux::Cidr6>;

}  // namespace slipway::container
