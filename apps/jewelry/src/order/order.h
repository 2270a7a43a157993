// Orders: placed once per Idempotency-Key, never for more than is in stock; prices are those of the
// catalogue at that moment and stay with the order. Owns the tables orders, order_line,
// idempotency.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cart/cart.h"
#include "catalog/catalog.h"
#include "stock/stock.h"

namespace jewelry {

struct OrderLine {
  std::string sku, title;
  Money unit;
  int64_t quantity = 0;
};
struct Order {
  std::string id, email, state;
  Money total;
  int64_t created_ms = 0;
  std::vector<OrderLine> lines;
};

// The same key was used for another request.
struct KeyReused : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// A SKU that the catalogue does not have.
struct UnknownSku : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct PlaceOrder {
  std::string key;          // Idempotency-Key
  std::string fingerprint;  // of the request
  std::string email;
  std::optional<std::string> cart;  // or:
  Quantities lines;
};
struct Placed {
  std::string order_id;
  bool replayed = false;  // the order was placed by an earlier request with the same key
};

class Orders {
 public:
  Orders(const Catalog& catalog, const Stock& stock, const Carts& carts)
      : catalog_(catalog), stock_(stock), carts_(carts) {}
  // Inside one write transaction. Throws OutOfStock, KeyReused, UnknownSku, Error; a refusal leaves
  // no trace, so that the same key may be tried again.
  Placed place(Session& db, const PlaceOrder& request) const;
  std::optional<Order> find(Session& db, const std::string& id) const;

 private:
  const Catalog& catalog_;
  const Stock& stock_;
  const Carts& carts_;
};

}  // namespace jewelry
