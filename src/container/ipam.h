// Addresses: which subnet a new network gets, and which address a container gets of it. Pure; what
// is in use elsewhere on the machine is told by the caller. IPv4.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "linux/links.h"

namespace slipway::container {

bool overlap(const linux::Cidr4& a, const linux::Cidr4& b);

// The first subnet of the built-in pools that touches nothing in `used`; nullopt: all are taken.
std::optional<linux::Cidr4> choose_subnet(const std::vector<linux::Cidr4>& used);

// The addresses of one network. Not thread-safe.
class AddressPool {
 public:
  // range: the part that take() chooses from; the whole subnet when empty. reserved (the gateway,
  // auxiliary addresses) are never given.
  AddressPool(const linux::Cidr4& subnet, const std::optional<linux::Cidr4>& range,
              std::set<uint32_t> reserved);
  // The lowest free one: a container that is restarted keeps its address as a rule.
  uint32_t take();
  // This one. Throws Error(conflict) "Address already in use", Error(invalid_argument) when it is
  // none of the subnet's.
  void take(uint32_t address);
  void release(uint32_t address);
  bool can_be_given(uint32_t address) const;  // whether in use or not
  size_t in_use() const { return used_.size(); }

 private:
  linux::Cidr4 subnet_, range_;
  std::set<uint32_t> reserved_;
  std::set<uint32_t> used_;
};

}  // namespace slipway::container
