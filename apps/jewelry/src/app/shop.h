// The shop: its modules on one database, its routes, its server. A module that moves out into a
// service of its own is replaced here and nowhere else.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "app/router.h"
#include "cart/cart.h"
#include "catalog/catalog.h"
#include "database/database.h"
#include "order/order.h"
#include "stock/stock.h"

namespace jewelry {

// Who answers: shown in the page and at /api/v1/version.
struct Identity {
  std::string version = "dev";
  std::string host;  // the task's id inside ECS, else the host's name
};

class Shop {
 public:
  Shop(std::unique_ptr<Database> database, Identity identity);
  // Runs until drain() has been asked for and the requests under way have been answered.
  uint16_t listen(const std::string& address, uint16_t port);
  // From now on every answer closes its connection. Returns once nothing has been under way for a
  // moment, or at the deadline; true when nothing was cut off.
  bool drain(slipway::SteadyTime deadline);
  Database& database() { return *database_; }

 private:
  void handle(slipway::net::Exchange& exchange);
  void add_pages();
  void add_catalog();
  void add_carts();
  void add_orders();
  void add_health();

  std::unique_ptr<Database> database_;
  const Identity identity_;
  const Catalog catalog_{};
  const Stock stock_{};
  const Carts carts_{};
  const Orders orders_{catalog_, stock_, carts_};
  Router router_;
  std::atomic<int> under_way_{0};
  std::atomic<uint64_t> answered_{0};
  std::atomic<bool> draining_{false};
  std::unique_ptr<slipway::net::Server> server_;  // last: its threads use all of the above
};

}  // namespace jewelry
