// Carts: what somebody means to buy. A cart promises nothing: prices and stock are looked at again
// when the order is placed. Owns the tables cart and cart_line.
#pragma once
#include <map>
#include <string>

#include "database/database.h"

namespace jewelry {

using Quantities = std::map<std::string, int64_t>;  // by SKU

inline constexpr int64_t kMaxQuantity = 20;
inline constexpr size_t kMaxLines = 50;

class Carts {
 public:
  std::string create(Session& db) const;
  // All throw Error(not_found) for an unknown cart.
  Quantities lines(Session& db, const std::string& cart) const;
  // quantity 0 removes the line. Throws Error(invalid_argument) outside 0..kMaxQuantity.
  void set(Session& db, const std::string& cart, const std::string& sku, int64_t quantity) const;
  void clear(Session& db, const std::string& cart) const;

 private:
  void need(Session& db, const std::string& cart) const;
};

}  // namespace jewelry
