// Placing an order: key, lines, stock, rows, all in the caller's transaction.
#include "order/order.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace jewelry {

namespace {

constexpr const char* kScope = "orders";

// Claims the key, or answers the order that it made before. A second request with the key waits in
// the INSERT (PostgreSQL) or in BEGIN IMMEDIATE (SQLite) until the first has ended.
std::optional<std::string> claim(Session& db, const PlaceOrder& request,
                                 const std::string& order_id) {
  const auto inserted = db.run(
      "INSERT INTO idempotency(scope, key, fingerprint, status, body, at_ms) VALUES($1, $2, $3, "
      "201, $4, $5) ON CONFLICT(scope, key) DO NOTHING",
      {kScope, request.key, request.fingerprint, order_id,
       slipway::to_epoch_ms(slipway::SystemClock().now())});
  if (inserted.affected > 0) return std::nullopt;
  const auto rows =
      db.run("SELECT fingerprint, body FROM idempotency WHERE scope = $1 AND key = $2",
             {kScope, request.key});
  if (rows.empty() || rows.text(0, 0) != request.fingerprint)
    throw KeyReused("this Idempotency-Key was used for another order");
  return rows.text(0, 1);
}

void check(const Quantities& lines) {
  if (lines.empty()) throw slipway::invalid_argument("an order needs at least one line");
  if (lines.size() > kMaxLines)
    throw slipway::invalid_argument("an order has at most {} lines", kMaxLines);
  for (const auto& [sku, quantity] : lines) {
    if (quantity < 1 || quantity > kMaxQuantity)
      throw slipway::invalid_argument("quantity of {} must be between 1 and {}", sku, kMaxQuantity);
  }
}

}  // namespace

Placed Orders::place(Session& db, const PlaceOrder& request) const {
  const std::string id = "ord_" + slipway::random_alphanumeric(24);
  if (const auto earlier = claim(db, request, id)) return {*earlier, true};
  const Quantities lines = request.cart ? carts_.lines(db, *request.cart) : request.lines;
  check(lines);
  std::vector<std::string> skus;
  for (const auto& [sku, quantity] : lines) skus.push_back(sku);
  const auto sellables = catalog_.sellables(db, skus);
  std::optional<Money> total;
  for (const auto& [sku, quantity] : lines) {
    const auto found = sellables.find(sku);
    if (found == sellables.end()) throw UnknownSku(fmt::format("there is no article '{}'", sku));
    const Money amount = found->second.price.times(quantity);
    total = total ? total->plus(amount) : amount;
  }
  stock_.take(db, lines, "order " + id);
  db.run(
      "INSERT INTO orders(id, email, state, total_minor, currency, created_ms) VALUES($1, $2, "
      "'placed', $3, $4, $5)",
      {id, request.email, total->minor(), total->currency(),
       slipway::to_epoch_ms(slipway::SystemClock().now())});
  for (const auto& [sku, quantity] : lines) {
    const auto& sellable = sellables.at(sku);
    db.run(
        "INSERT INTO order_line(order_id, sku, title, unit_minor, quantity) VALUES($1, $2, $3, $4, "
        "$5)",
        {id, sku, sellable.title, sellable.price.minor(), quantity});
  }
  if (request.cart) carts_.clear(db, *request.cart);
  return {id, false};
}

std::optional<Order> Orders::find(Session& db, const std::string& id) const {
  const auto rows = db.run(
      "SELECT id, email, state, total_minor, currency, created_ms FROM orders WHERE id = $1", {id});
  if (rows.empty()) return std::nullopt;
  Order order{.id = rows.text(0, 0),
              .email = rows.text(0, 1),
              .state = rows.text(0, 2),
              .total = Money(rows.integer(0, 3), rows.text(0, 4)),
              .created_ms = rows.integer(0, 5),
              .lines = {}};
  const auto lines = db.run(
      "SELECT sku, title, unit_minor, quantity FROM order_line WHERE order_id = $1 ORDER BY sku",
      {id});
  for (size_t i = 0; i < lines.size(); ++i) {
    order.lines.push_back({lines.text(i, 0), lines.text(i, 1),
                           Money(lines.integer(i, 2), order.total.currency()),
                           lines.integer(i, 3)});
  }
  return order;
}

}  // namespace jewelry
