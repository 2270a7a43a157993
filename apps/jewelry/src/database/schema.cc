// The tables of all modules, in one list of migrations. Each module owns its tables: no other
// module's code may name them.
#include "base/error.h"
#include "catalog/catalog.h"
#include "database/database.h"

namespace jewelry {

namespace {

// Step i leads from version i to i + 1. Never change one that was released.
const std::vector<std::vector<const char*>>& migrations() {
  static const std::vector<std::vector<const char*>> kSteps = {{
      // catalog
      R"(CREATE TABLE product(id TEXT PRIMARY KEY, position BIGINT NOT NULL, name TEXT NOT NULL,
           category TEXT NOT NULL, metal TEXT NOT NULL, stone TEXT NOT NULL,
           description TEXT NOT NULL, price_minor BIGINT NOT NULL CHECK (price_minor >= 0),
           currency TEXT NOT NULL))",
      R"(CREATE TABLE variant(sku TEXT PRIMARY KEY, product_id TEXT NOT NULL REFERENCES product(id),
           position BIGINT NOT NULL, size_tenth_mm BIGINT,
           price_minor BIGINT NOT NULL CHECK (price_minor >= 0), weight_mg BIGINT NOT NULL))",
      "CREATE INDEX variant_of_product ON variant(product_id)",
      // stock
      R"(CREATE TABLE stock(sku TEXT PRIMARY KEY, on_hand BIGINT NOT NULL CHECK (on_hand >= 0)))",
      R"(CREATE TABLE stock_movement(id TEXT PRIMARY KEY, sku TEXT NOT NULL, delta BIGINT NOT NULL,
           reason TEXT NOT NULL, at_ms BIGINT NOT NULL))",
      // cart
      "CREATE TABLE cart(id TEXT PRIMARY KEY, created_ms BIGINT NOT NULL)",
      R"(CREATE TABLE cart_line(cart_id TEXT NOT NULL REFERENCES cart(id), sku TEXT NOT NULL,
           quantity BIGINT NOT NULL CHECK (quantity > 0), PRIMARY KEY(cart_id, sku)))",
      // order
      R"(CREATE TABLE orders(id TEXT PRIMARY KEY, email TEXT NOT NULL, state TEXT NOT NULL,
           total_minor BIGINT NOT NULL, currency TEXT NOT NULL, created_ms BIGINT NOT NULL))",
      R"(CREATE TABLE order_line(order_id TEXT NOT NULL REFERENCES orders(id), sku TEXT NOT NULL,
           title TEXT NOT NULL, unit_minor BIGINT NOT NULL, quantity BIGINT NOT NULL,
           PRIMARY KEY(order_id, sku)))",
      R"(CREATE TABLE idempotency(scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
           status BIGINT NOT NULL, body TEXT NOT NULL, at_ms BIGINT NOT NULL,
           PRIMARY KEY(scope, key)))",
  }};
  return kSteps;
}

}  // namespace

void prepare(Database& database) {
  const auto known = static_cast<int64_t>(migrations().size());
  database.write([&](Session& db) {
    // Several tasks may start at once: one migrates, the others wait here.
    if (std::string_view(database.kind()) == "postgresql")
      db.run("SELECT pg_advisory_xact_lock(7431001)");
    db.run("CREATE TABLE IF NOT EXISTS schema_version(version BIGINT NOT NULL)");
    auto found = db.run("SELECT version FROM schema_version");
    if (found.empty()) db.run("INSERT INTO schema_version(version) VALUES(0)");
    const int64_t version = found.empty() ? 0 : found.integer(0, 0);
    if (version > known) {
      throw slipway::conflict(
          "the database has schema {}, this shop knows {}: start the newer shop", version, known);
    }
    for (int64_t step = version; step < known; ++step) {
      for (const char* sql : migrations()[static_cast<size_t>(step)]) db.run(sql);
    }
    if (version < known) db.run("UPDATE schema_version SET version = $1", {known});
    if (db.run("SELECT 1 FROM product LIMIT 1").empty()) seed_catalogue(db);
  });
}

}  // namespace jewelry
