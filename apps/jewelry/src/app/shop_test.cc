// The shop over HTTP on a loopback port.
#include "app/shop.h"

#include <gtest/gtest.h>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"

namespace jewelry {
namespace {

struct Reply {
  int status = 0;
  slipway::net::Headers headers;
  std::string text;
  Json body;
};

class ShopTest : public ::testing::Test {
 protected:
  ShopTest() {
    slipway::make_directories(folder_);
    shop_ = std::make_unique<Shop>(open_database("sqlite://" + folder_ + "/shop.db"),
                                   Identity{"v<1>", "task-7"});
    port_ = shop_->listen("127.0.0.1", 0);
  }
  ~ShopTest() override {
    shop_.reset();
    slipway::remove_tree(folder_);
  }
  Reply call(const std::string& method, const std::string& path, const Json& body = {},
             const std::string& key = "") {
    slipway::net::ClientRequest request;
    request.method = method;
    request.url = fmt::format("http://127.0.0.1:{}{}", port_, path);
    if (!body.is_null()) {
      request.body = body.is_string() ? body.get<std::string>() : body.dump();
      request.headers.set("Content-Type", "application/json");
    }
    if (!key.empty()) request.headers.set("Idempotency-Key", key);
    const auto response = slipway::net::request(request);
    Reply reply{response->status(), response->headers(), response->read_all(), {}};
    reply.body = Json::parse(reply.text, nullptr, false);
    return reply;
  }
  std::string folder_ = fmt::format("{}/jewelry-{}", ::testing::TempDir(), slipway::random_hex(8));
  std::unique_ptr<Shop> shop_;
  uint16_t port_ = 0;
};

TEST_F(ShopTest, ListsProductsWithPricesSizesAndStock) {
  const auto reply = call("GET", "/api/v1/products?category=ring&limit=2");
  EXPECT_EQ(reply.status, 200);
  ASSERT_EQ(reply.body["items"].size(), 2u);
  const auto& first = reply.body["items"][0];
  EXPECT_EQ(first["price"]["text"], "3,480.00 USD");
  EXPECT_EQ(first["variants"].size(), 5u);
  EXPECT_EQ(first["variants"][1]["size"]["text"], "EU 52 / US 6");
  EXPECT_GT(first["in_stock"], 0);
  const auto next = reply.body["next"].get<std::string>();
  const auto more = call("GET", "/api/v1/products?category=ring&limit=2&cursor=" + next);
  EXPECT_NE(more.body["items"][0]["id"], first["id"]);
}

TEST_F(ShopTest, RefusalsAreProblemDocuments) {
  const auto missing = call("GET", "/api/v1/products/unobtainium");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.headers.get("Content-Type"), "application/problem+json");
  EXPECT_EQ(missing.body["code"], "not_found");
  EXPECT_EQ(call("GET", "/nowhere").status, 404);
  EXPECT_EQ(call("GET", "/api/v1/products?limit=0").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/products?sort=magic").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/products?cursor=%21").status, 422);
  EXPECT_EQ(call("GET", "/api/v1/products/%zz").status, 422);
  const auto wrong = call("PUT", "/api/v1/products");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET");
}

TEST_F(ShopTest, ACartBecomesAnOrderOnce) {
  const auto cart = call("POST", "/api/v1/carts");
  EXPECT_EQ(cart.status, 201);
  const std::string id = cart.body["id"];
  const std::string line = "/api/v1/carts/" + id + "/lines/pearl-strand";
  EXPECT_EQ(call("PUT", line, {{"quantity", 2}}).body["total"]["minor"], 270000);
  EXPECT_EQ(call("PUT", line, {{"quantity", 99}}).status, 422);
  EXPECT_EQ(call("PUT", "/api/v1/carts/" + id + "/lines/nothing", {{"quantity", 1}}).status, 422);
  EXPECT_EQ(call("PUT", "/api/v1/carts/cart_none/lines/pearl-strand", {{"quantity", 1}}).status,
            404);

  const Json order = {{"email", "ada@example.com"}, {"cart_id", id}};
  EXPECT_EQ(call("POST", "/api/v1/orders", order).status, 400);  // no key
  const auto placed = call("POST", "/api/v1/orders", order, "key-1");
  EXPECT_EQ(placed.status, 201);
  EXPECT_EQ(placed.body["total"]["text"], "2,700.00 USD");
  const auto again = call("POST", "/api/v1/orders", order, "key-1");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.text, placed.text);
  EXPECT_EQ(again.headers.get("Idempotent-Replayed"), "true");
  EXPECT_EQ(call("GET", "/api/v1/stock/pearl-strand").body["in_stock"], 4);
  EXPECT_TRUE(call("GET", "/api/v1/carts/" + id).body["lines"].empty());
  EXPECT_EQ(call("GET", "/api/v1/orders/" + placed.body["id"].get<std::string>()).text,
            placed.text);
  auto other = order;
  other["email"] = "eve@example.com";
  EXPECT_EQ(call("POST", "/api/v1/orders", other, "key-1").body["code"], "idempotency_key_reused");
}

TEST_F(ShopTest, AnOrderBeyondTheStockIsRefusedWithWhatThereIs) {
  // Two lines of one article count together.
  const Json order = {{"email", "a@b.c"},
                      {"lines", Json::array({{{"sku", "one-of-one"}, {"quantity", 1}},
                                             {{"sku", "one-of-one"}, {"quantity", 1}}})}};
  const auto refused = call("POST", "/api/v1/orders", order, "k");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body["code"], "out_of_stock");
  EXPECT_EQ(refused.body["available"], 1);
}

TEST_F(ShopTest, BadBodiesAreRefused) {
  auto status = [&](const Json& body) { return call("POST", "/api/v1/orders", body, "k").status; };
  EXPECT_EQ(status("{nonsense"), 400);
  EXPECT_EQ(status(Json::array()), 400);
  EXPECT_EQ(status({{"email", "nobody"}, {"lines", Json::array()}}), 422);
  EXPECT_EQ(status({{"email", "a@b.c"}, {"lines", Json::array({1})}}), 422);
  EXPECT_EQ(status({{"email", "a@b.c"}, {"lines", {{{"sku", "x"}, {"quantity", "2"}}}}}), 422);
  EXPECT_EQ(status(std::string(200'000, ' ')), 413);
}

TEST_F(ShopTest, ThePageNamesVersionAndTaskAndLoadsOnlyItsOwnFiles) {
  const auto page = call("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.text.find("v&lt;1>"), std::string::npos);
  EXPECT_NE(page.text.find("task-7"), std::string::npos);
  EXPECT_EQ(page.headers.get("Content-Security-Policy").substr(0, 18), "default-src 'self'");
  EXPECT_EQ(call("GET", "/app.js").headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(call("GET", "/style.css").status, 200);
  EXPECT_EQ(call("GET", "/api/v1/version").body["version"], "v<1>");
  EXPECT_EQ(call("GET", "/healthz").body["status"], "ok");
}

TEST_F(ShopTest, HealthFailsWithoutACatalogue) {
  shop_->database().write([](Session& db) {
    db.run("DELETE FROM variant");
    db.run("DELETE FROM product");
  });
  EXPECT_EQ(call("GET", "/healthz").status, 503);
}

TEST_F(ShopTest, DrainingAnswersWhatIsUnderWayAndClosesConnections) {
  std::atomic<int> answered{0};
  std::atomic<bool> draining{false};
  std::atomic<int> lost{0};
  std::thread client([&] {
    // Sends on while the drain begins; every request that was accepted must be answered.
    for (int i = 0; i < 50; ++i) {
      try {
        const auto reply = call("GET", "/api/v1/products?limit=1");
        if (reply.status == 200) ++answered;
        if (draining && reply.headers.get("Connection") == "close") return;
      } catch (const slipway::Error&) {
        ++lost;
      }
    }
  });
  while (answered < 5) std::this_thread::yield();
  draining = true;
  EXPECT_TRUE(shop_->drain(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  client.join();
  EXPECT_EQ(lost, 0);
  EXPECT_THROW(call("GET", "/healthz"), slipway::Error);
}

}  // namespace
}  // namespace jewelry
