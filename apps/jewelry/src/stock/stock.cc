// Levels and movements.
#include "stock/stock.h"

#include "base/clock.h"
#include "base/ids.h"

namespace jewelry {

namespace {

void note(Session& db, const std::string& sku, int64_t delta, const std::string& reason) {
  db.run("INSERT INTO stock_movement(id, sku, delta, reason, at_ms) VALUES($1, $2, $3, $4, $5)",
         {slipway::random_hex(24), sku, delta, reason,
          slipway::to_epoch_ms(slipway::SystemClock().now())});
}

}  // namespace

OutOfStock::OutOfStock(std::string sku, int64_t wanted, int64_t available)
    : std::runtime_error(fmt::format("{} of {} wanted, {} available", wanted, sku, available)),
      sku_(std::move(sku)),
      available_(available) {}

int64_t Stock::level(Session& db, const std::string& sku) const {
  const auto rows = db.run("SELECT on_hand FROM stock WHERE sku = $1", {sku});
  return rows.empty() ? 0 : rows.integer(0, 0);
}

std::map<std::string, int64_t> Stock::levels(Session& db,
                                             const std::vector<std::string>& skus) const {
  std::map<std::string, int64_t> out;
  if (skus.empty()) return out;
  const auto rows = db.run(
      fmt::format("SELECT sku, on_hand FROM stock WHERE sku IN ({})", placeholders(1, skus.size())),
      std::vector<Value>(skus.begin(), skus.end()));
  for (size_t i = 0; i < rows.size(); ++i) out[rows.text(i, 0)] = rows.integer(i, 1);
  return out;
}

void Stock::receive(Session& db, const std::string& sku, int64_t quantity,
                    const std::string& reason) const {
  db.run(
      "INSERT INTO stock(sku, on_hand) VALUES($1, $2) ON CONFLICT(sku) DO UPDATE SET on_hand = "
      "stock.on_hand + excluded.on_hand",
      {sku, quantity});
  note(db, sku, quantity, reason);
}

void Stock::take(Session& db, const std::map<std::string, int64_t>& quantities,
                 const std::string& reason) const {
  for (const auto& [sku, quantity] : quantities) {
    const auto changed =
        db.run("UPDATE stock SET on_hand = on_hand - $1 WHERE sku = $2 AND on_hand >= $1",
               {quantity, sku});
    if (changed.affected == 0) throw OutOfStock(sku, quantity, level(db, sku));
    note(db, sku, -quantity, reason);
  }
}

}  // namespace jewelry
