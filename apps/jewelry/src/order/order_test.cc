// Orders and stock under concurrency: never more than there is, once per key.
#include "order/order.h"

#include <thread>

#include "base/error.h"
#include "database/test_database.h"

namespace jewelry {
namespace {

class OrderTest : public DatabaseTest {
 protected:
  Placed place(Database& database, const std::string& key, Quantities lines,
               const std::string& fingerprint = "f") {
    Placed placed;
    database.write([&](Session& db) {
      placed = orders_.place(
          db,
          {.key = key, .fingerprint = fingerprint, .email = "a@b.c", .cart = {}, .lines = lines});
    });
    return placed;
  }
  int64_t level(Database& database, const std::string& sku) {
    int64_t out = 0;
    database.read([&](Session& db) { out = stock_.level(db, sku); });
    return out;
  }
  int64_t count(Database& database, const std::string& sql) {
    int64_t out = 0;
    database.read([&](Session& db) { out = db.run(sql).integer(0, 0); });
    return out;
  }
  Catalog catalog_;
  Stock stock_;
  Carts carts_;
  Orders orders_{catalog_, stock_, carts_};
};
JEWELRY_ON_ALL_DATABASES(OrderTest);

TEST_P(OrderTest, AnOrderTakesStockAndKeepsPricesAndTitles) {
  auto database = open();
  const int64_t before = level(*database, "river-band-52");
  const Placed placed = place(*database, "k", {{"river-band-52", 2}, {"ember-studs", 1}});
  EXPECT_EQ(level(*database, "river-band-52"), before - 2);
  database->read([&](Session& db) {
    const auto order = orders_.find(db, placed.order_id).value();
    EXPECT_EQ(order.total, Money(2 * 92000 + 27500, "USD"));
    EXPECT_EQ(order.lines.at(1).title, "River Band, EU 52 / US 6");
    EXPECT_EQ(order.state, "placed");
  });
}

TEST_P(OrderTest, ManyBuyersOfFewPiecesNeverGetMoreThanThereAre) {
  auto database = open();
  const int64_t there = level(*database, "snow-studs");
  std::atomic<int> placed{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> buyers;
  for (int i = 0; i < 8; ++i) {
    buyers.emplace_back([&, i] {
      for (int n = 0; n < 4; ++n) {
        try {
          place(*database, fmt::format("{}-{}", i, n), {{"snow-studs", 1}, {"harbour-chain", 1}});
          ++placed;
        } catch (const OutOfStock&) {
          ++refused;
        }
      }
    });
  }
  for (auto& buyer : buyers) buyer.join();
  EXPECT_EQ(placed, there);
  EXPECT_EQ(refused, 32 - there);
  EXPECT_EQ(level(*database, "snow-studs"), 0);
  // A refused order leaves nothing: neither the other article's stock nor its key is touched.
  EXPECT_EQ(level(*database, "harbour-chain"), 18 - there);
  EXPECT_EQ(count(*database, "SELECT count(*) FROM orders"), there);
  EXPECT_EQ(count(*database, "SELECT count(*) FROM idempotency"), there);
  EXPECT_EQ(count(*database,
                  "SELECT count(*) FROM stock s WHERE on_hand <> (SELECT sum(delta) FROM "
                  "stock_movement m WHERE m.sku = s.sku)"),
            0);
}

TEST_P(OrderTest, TheSameKeyAtOnceMakesOneOrder) {
  auto database = open();
  std::vector<std::thread> senders;
  std::mutex mutex;
  std::set<std::string> ids;
  std::atomic<int> replayed{0};
  for (int i = 0; i < 8; ++i) {
    senders.emplace_back([&] {
      const Placed placed = place(*database, "same", {{"jade-bangle", 1}});
      replayed += placed.replayed ? 1 : 0;
      const std::lock_guard lock(mutex);
      ids.insert(placed.order_id);
    });
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(replayed, 7);
  EXPECT_EQ(level(*database, "jade-bangle"), 2);
}

TEST_P(OrderTest, AKeyIsForOneRequestAndARefusedOneMayBeTriedAgain) {
  auto database = open();
  place(*database, "k", {{"ember-studs", 1}}, "one");
  EXPECT_THROW(place(*database, "k", {{"ember-studs", 2}}, "two"), KeyReused);
  EXPECT_THROW(place(*database, "later", {{"one-of-one", 2}}), OutOfStock);
  database->write([&](Session& db) { stock_.receive(db, "one-of-one", 1, "another one"); });
  EXPECT_FALSE(place(*database, "later", {{"one-of-one", 2}}).replayed);
}

TEST_P(OrderTest, BadOrdersAreRefused) {
  auto database = open();
  EXPECT_THROW(place(*database, "a", {{"no-such-thing", 1}}), UnknownSku);
  EXPECT_THROW(place(*database, "b", {}), slipway::Error);
  EXPECT_THROW(place(*database, "c", {{"ember-studs", 21}}), slipway::Error);
  EXPECT_THROW(place(*database, "d", {{"ember-studs", -1}}), slipway::Error);
}

TEST_P(OrderTest, StockAndOrdersOutlastARestart) {
  std::string id;
  {
    auto database = open();
    id = place(*database, "k", {{"one-of-one", 1}}).order_id;
  }
  auto database = open();
  EXPECT_EQ(level(*database, "one-of-one"), 0);
  database->read([&](Session& db) { EXPECT_TRUE(orders_.find(db, id)); });
}

TEST_P(OrderTest, TheDatabaseItselfForbidsNegativeStock) {
  auto database = open();
  EXPECT_THROW(database->write([](Session& db) {
    db.run("UPDATE stock SET on_hand = -1 WHERE sku = 'ember-studs'");
  }),
               slipway::Error);
}

class CatalogTest : public DatabaseTest {};
JEWELRY_ON_ALL_DATABASES(CatalogTest);

TEST_P(CatalogTest, PagesInEverySortOrderWithoutLossOrRepeat) {
  auto database = open();
  using Sort = ProductQuery::Sort;
  for (const Sort sort : {Sort::featured, Sort::price_up, Sort::price_down, Sort::name}) {
    std::vector<std::string> seen;
    ProductQuery query;
    query.sort = sort;
    query.limit = 5;
    do {
      database->read([&](Session& db) {
        const auto page = Catalog().list(db, query);
        for (const auto& product : page.products) seen.push_back(product.id);
        query.cursor = page.next;
      });
    } while (query.cursor);
    EXPECT_EQ(seen.size(), 24u);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 24u);
    if (sort == Sort::price_down) {
      EXPECT_EQ(seen.front(), "one-of-one");
    }
    if (sort == Sort::price_up) {
      EXPECT_EQ(seen.front(), "nightfall-ring");
    }
  }
}

TEST_P(CatalogTest, FiltersAndSearchesLiterally) {
  auto database = open();
  database->read([](Session& db) {
    auto count = [&](ProductQuery query) { return Catalog().list(db, query).products.size(); };
    ProductQuery query;
    query.category = "ring";
    EXPECT_EQ(count(query), 9u);
    query.metal = "platinum";
    EXPECT_EQ(count(query), 3u);
    query.price_max = 300000;
    EXPECT_EQ(count(query), 1u);
    query = {};
    query.text = "PEARL";
    EXPECT_EQ(count(query), 2u);
    query.text = "%";
    EXPECT_EQ(count(query), 0u);
    query.text = "' OR 1=1 --";
    EXPECT_EQ(count(query), 0u);
    query = {};
    query.cursor = "bm9uc2Vuc2U=";
    EXPECT_THROW(count(query), slipway::Error);
  });
}

TEST(Sizes, AreShownInTwoSystems) {
  auto text = [](int64_t tenths) {
    Variant variant;
    variant.size_tenth_mm = tenths;
    return variant.size_text();
  };
  EXPECT_EQ(text(490), "EU 49 / US 5");
  EXPECT_EQ(text(520), "EU 52 / US 6");
  EXPECT_EQ(text(540), "EU 54 / US 6 3/4");
  EXPECT_EQ(text(570), "EU 57 / US 8");
}

}  // namespace
}  // namespace jewelry
