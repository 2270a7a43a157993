// How many of each variant are there. Owns the tables stock and stock_movement. The database is the
// guard against overselling: a take is one conditional UPDATE, and a CHECK stands behind it.
#pragma once
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "database/database.h"

namespace jewelry {

// Not enough of a variant is there.
class OutOfStock : public std::runtime_error {
 public:
  OutOfStock(std::string sku, int64_t wanted, int64_t available);
  const std::string& sku() const { return sku_; }
  int64_t available() const { return available_; }

 private:
  std::string sku_;
  int64_t available_;
};

class Stock {
 public:
  // 0 for what is unknown.
  int64_t level(Session& db, const std::string& sku) const;
  std::map<std::string, int64_t> levels(Session& db, const std::vector<std::string>& skus) const;
  void receive(Session& db, const std::string& sku, int64_t quantity,
               const std::string& reason) const;
  // Takes all quantities (by SKU, so that transactions lock rows in one order) or throws
  // OutOfStock.
  void take(Session& db, const std::map<std::string, int64_t>& quantities,
            const std::string& reason) const;
};

}  // namespace jewelry
