// The JSON API under /api/v1: it puts together what the modules know.
#include "app/shop.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"

namespace jewelry {

namespace {

Json shown(const Money& money) {
  return {{"minor", money.minor()}, {"currency", money.currency()}, {"text", money.text()}};
}

Json shown(const Product& product, const std::map<std::string, int64_t>& levels) {
  Json variants = Json::array();
  int64_t total = 0;
  for (const auto& variant : product.variants) {
    const auto level = levels.find(variant.sku);
    const int64_t in_stock = level == levels.end() ? 0 : level->second;
    total += in_stock;
    Json entry = {{"sku", variant.sku},
                  {"price", shown(variant.price)},
                  {"weight_mg", variant.weight_mg},
                  {"in_stock", in_stock}};
    if (variant.size_tenth_mm) {
      entry["size"] = {{"circumference_tenth_mm", *variant.size_tenth_mm},
                       {"text", variant.size_text()}};
    }
    variants.push_back(std::move(entry));
  }
  return {{"id", product.id},
          {"name", product.name},
          {"category", product.category},
          {"metal", product.metal},
          {"stone", product.stone},
          {"description", product.description},
          {"price", shown(product.price)},
          {"in_stock", total},
          {"variants", std::move(variants)}};
}

Json shown(const Order& order) {
  Json lines = Json::array();
  for (const auto& line : order.lines) {
    lines.push_back({{"sku", line.sku},
                     {"title", line.title},
                     {"unit", shown(line.unit)},
                     {"quantity", line.quantity},
                     {"amount", shown(line.unit.times(line.quantity))}});
  }
  return {{"id", order.id},
          {"state", order.state},
          {"email", order.email},
          {"created", slipway::to_rfc3339(slipway::from_epoch_ms(order.created_ms), 3)},
          {"total", shown(order.total)},
          {"lines", std::move(lines)}};
}

std::optional<std::string> text_of(const Call& call, std::string_view name) {
  const std::string value = slipway::query_value(call.query, name);
  return value.empty() ? std::nullopt : std::optional(value);
}

std::optional<int64_t> number_of(const Call& call, std::string_view name, int64_t min,
                                 int64_t max) {
  const auto text = text_of(call, name);
  if (!text) return std::nullopt;
  const auto value = slipway::parse_int(*text);
  if (!value || *value < min || *value > max) {
    throw Problem(400, "invalid_parameter",
                  fmt::format("{} must be a number from {} to {}", name, min, max));
  }
  return value;
}

ProductQuery query_of(const Call& call) {
  using Sort = ProductQuery::Sort;
  static const std::map<std::string, Sort> kSorts = {{"featured", Sort::featured},
                                                     {"price", Sort::price_up},
                                                     {"-price", Sort::price_down},
                                                     {"name", Sort::name}};
  constexpr int64_t kMost = 1'000'000'000'000;
  ProductQuery query;
  query.category = text_of(call, "category");
  query.metal = text_of(call, "metal");
  query.stone = text_of(call, "stone");
  query.text = text_of(call, "q");
  query.price_min = number_of(call, "price_min", 0, kMost);
  query.price_max = number_of(call, "price_max", 0, kMost);
  query.limit = static_cast<size_t>(number_of(call, "limit", 1, 100).value_or(24));
  query.cursor = text_of(call, "cursor");
  if (const auto sort = text_of(call, "sort")) {
    const auto known = kSorts.find(*sort);
    if (known == kSorts.end())
      throw Problem(400, "invalid_parameter", "sort must be featured, price, -price or name");
    query.sort = known->second;
  }
  return query;
}

Json body_of(const Call& call) {
  Json body;
  try {
    body = slipway::parse_json(call.body, "the request's body");
  } catch (const slipway::Error& e) {
    throw Problem(400, "malformed_json", e.what());
  }
  if (!body.is_object()) throw Problem(400, "malformed_json", "the body must be a JSON object");
  return body;
}

int64_t quantity_of(const Json& body) {
  const auto found = body.find("quantity");
  if (found == body.end() || !found->is_number_integer())
    throw Problem(422, "invalid", "quantity must be a whole number");
  return found->get<int64_t>();
}

std::string string_of(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string())
    throw Problem(422, "invalid", fmt::format("{} must be a text", name));
  return found->get<std::string>();
}

// Several lines of one article are one line.
Quantities lines_of(const Json& body) {
  const auto found = body.find("lines");
  if (found == body.end() || !found->is_array() || found->empty() || found->size() > kMaxLines) {
    throw Problem(422, "invalid",
                  fmt::format("lines must be a list of 1 to {} lines, or give cart_id", kMaxLines));
  }
  Quantities out;
  for (const auto& line : *found) {
    if (!line.is_object()) throw Problem(422, "invalid", "a line must be an object");
    const int64_t quantity = quantity_of(line);
    if (quantity < 1 || quantity > kMaxQuantity) {
      throw Problem(422, "invalid", fmt::format("quantity must be between 1 and {}", kMaxQuantity));
    }
    out[string_of(line, "sku")] += quantity;
  }
  return out;
}

PlaceOrder order_of(const Call& call) {
  PlaceOrder out;
  out.key = std::string(call.request.headers.get("Idempotency-Key"));
  if (out.key.empty()) {
    throw Problem(400, "idempotency_key_missing",
                  "an order needs an Idempotency-Key header, so that it can be sent again safely");
  }
  if (out.key.size() > 200)
    throw Problem(400, "idempotency_key_invalid", "Idempotency-Key has at most 200 characters");
  const Json body = body_of(call);
  out.fingerprint = slipway::sha256_hex(body.dump());
  out.email = string_of(body, "email");
  const auto at = out.email.find('@');
  if (at == 0 || at == std::string::npos || at + 1 == out.email.size() || out.email.size() > 254)
    throw Problem(422, "invalid", "email must be an address");
  if (body.contains("cart_id")) {
    out.cart = string_of(body, "cart_id");
  } else {
    out.lines = lines_of(body);
  }
  return out;
}

Json shown_cart(Session& db, const Catalog& catalog, const std::string& id,
                const Quantities& lines) {
  std::vector<std::string> skus;
  for (const auto& [sku, quantity] : lines) skus.push_back(sku);
  const auto sellables = catalog.sellables(db, skus);
  Json list = Json::array();
  std::optional<Money> total;
  for (const auto& [sku, quantity] : lines) {
    const auto found = sellables.find(sku);
    if (found == sellables.end()) continue;  // the article has gone since
    const Money amount = found->second.price.times(quantity);
    total = total ? total->plus(amount) : amount;
    list.push_back({{"sku", sku},
                    {"title", found->second.title},
                    {"unit", shown(found->second.price)},
                    {"quantity", quantity},
                    {"amount", shown(amount)}});
  }
  return {{"id", id}, {"lines", std::move(list)}, {"total", shown(total.value_or(Money()))}};
}

}  // namespace

void Shop::add_catalog() {
  router_.add("GET", "/api/v1/products", [this](const Call& call) {
    const ProductQuery query = query_of(call);
    Json items = Json::array();
    Json next;
    database_->read([&](Session& db) {
      const ProductPage page = catalog_.list(db, query);
      std::vector<std::string> skus;
      for (const auto& product : page.products) {
        for (const auto& variant : product.variants) skus.push_back(variant.sku);
      }
      const auto levels = stock_.levels(db, skus);
      for (const auto& product : page.products) items.push_back(shown(product, levels));
      if (page.next) next = *page.next;
    });
    return json({{"items", std::move(items)}, {"next", std::move(next)}});
  });
  router_.add("GET", "/api/v1/products/{id}", [this](const Call& call) {
    Json out;
    database_->read([&](Session& db) {
      const auto product = catalog_.find(db, call.path.at("id"));
      if (!product)
        throw slipway::not_found("there is no product '{}'", call.path.at("id").substr(0, 100));
      std::vector<std::string> skus;
      for (const auto& variant : product->variants) skus.push_back(variant.sku);
      out = shown(*product, stock_.levels(db, skus));
    });
    return json(out);
  });
  router_.add("GET", "/api/v1/stock/{sku}", [this](const Call& call) {
    const std::string& sku = call.path.at("sku");
    int64_t level = 0;
    database_->read([&](Session& db) {
      if (catalog_.sellables(db, {sku}).empty())
        throw slipway::not_found("there is no article '{}'", sku.substr(0, 100));
      level = stock_.level(db, sku);
    });
    return json({{"sku", sku}, {"in_stock", level}});
  });
}

void Shop::add_carts() {
  auto show = [this](Session& db, const std::string& id) {
    return shown_cart(db, catalog_, id, carts_.lines(db, id));
  };
  router_.add("POST", "/api/v1/carts", [this, show](const Call&) {
    Json out;
    database_->write([&](Session& db) { out = show(db, carts_.create(db)); });
    Answer answer = json(out, 201);
    answer.headers.set("Location", "/api/v1/carts/" + out.at("id").get<std::string>());
    return answer;
  });
  router_.add("GET", "/api/v1/carts/{id}", [this, show](const Call& call) {
    Json out;
    database_->read([&](Session& db) { out = show(db, call.path.at("id")); });
    return json(out);
  });
  auto set = [this, show](const Call& call, int64_t quantity) {
    const std::string& sku = call.path.at("sku");
    Json out;
    database_->write([&](Session& db) {
      if (quantity > 0 && catalog_.sellables(db, {sku}).empty())
        throw UnknownSku(fmt::format("there is no article '{}'", sku.substr(0, 100)));
      carts_.set(db, call.path.at("id"), sku, quantity);
      out = show(db, call.path.at("id"));
    });
    return json(out);
  };
  router_.add("PUT", "/api/v1/carts/{id}/lines/{sku}",
              [set](const Call& call) { return set(call, quantity_of(body_of(call))); });
  router_.add("DELETE", "/api/v1/carts/{id}/lines/{sku}",
              [set](const Call& call) { return set(call, 0); });
}

void Shop::add_orders() {
  router_.add("POST", "/api/v1/orders", [this](const Call& call) {
    const PlaceOrder request = order_of(call);
    Placed placed;
    std::optional<Order> order;
    database_->write([&](Session& db) {
      placed = orders_.place(db, request);
      order = orders_.find(db, placed.order_id);
    });
    Answer answer = json(shown(order.value()), 201);
    answer.headers.set("Location", "/api/v1/orders/" + placed.order_id);
    if (placed.replayed) answer.headers.set("Idempotent-Replayed", "true");
    return answer;
  });
  router_.add("GET", "/api/v1/orders/{id}", [this](const Call& call) {
    std::optional<Order> order;
    database_->read([&](Session& db) { order = orders_.find(db, call.path.at("id")); });
    if (!order)
      throw slipway::not_found("there is no order '{}'", call.path.at("id").substr(0, 100));
    return json(shown(*order));
  });
}

}  // namespace jewelry
