// Carts and their lines.
#include "cart/cart.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace jewelry {

std::string Carts::create(Session& db) const {
  std::string id = "cart_" + slipway::random_alphanumeric(24);
  db.run("INSERT INTO cart(id, created_ms) VALUES($1, $2)",
         {id, slipway::to_epoch_ms(slipway::SystemClock().now())});
  return id;
}

void Carts::need(Session& db, const std::string& cart) const {
  if (db.run("SELECT 1 FROM cart WHERE id = $1", {cart}).empty())
    throw slipway::not_found("there is no cart '{}'", cart);
}

Quantities Carts::lines(Session& db, const std::string& cart) const {
  need(db, cart);
  Quantities out;
  const auto rows =
      db.run("SELECT sku, quantity FROM cart_line WHERE cart_id = $1 ORDER BY sku", {cart});
  for (size_t i = 0; i < rows.size(); ++i) out[rows.text(i, 0)] = rows.integer(i, 1);
  return out;
}

void Carts::set(Session& db, const std::string& cart, const std::string& sku,
                int64_t quantity) const {
  if (quantity < 0 || quantity > kMaxQuantity)
    throw slipway::invalid_argument("quantity must be between 0 and {}", kMaxQuantity);
  auto existing = lines(db, cart);
  if (quantity == 0) {
    db.run("DELETE FROM cart_line WHERE cart_id = $1 AND sku = $2", {cart, sku});
    return;
  }
  if (!existing.contains(sku) && existing.size() >= kMaxLines)
    throw slipway::invalid_argument("a cart has at most {} lines", kMaxLines);
  db.run(
      "INSERT INTO cart_line(cart_id, sku, quantity) VALUES($1, $2, $3) ON CONFLICT(cart_id, sku) "
      "DO UPDATE SET quantity = excluded.quantity",
      {cart, sku, quantity});
}

void Carts::clear(Session& db, const std::string& cart) const {
  db.run("DELETE FROM cart_line WHERE cart_id = $1", {cart});
}

}  // namespace jewelry
