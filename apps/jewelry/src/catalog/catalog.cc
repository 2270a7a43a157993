// Listing by keyset (no OFFSET: pages stay right and fast while products come and go), detail.
#include "catalog/catalog.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/json.h"

namespace jewelry {

namespace {

constexpr const char* kColumns =
    "SELECT id, name, category, metal, stone, description, price_minor, currency, position FROM "
    "product";

Product read_product(const Rows& rows, size_t i) {
  return {.id = rows.text(i, 0),
          .name = rows.text(i, 1),
          .category = rows.text(i, 2),
          .metal = rows.text(i, 3),
          .stone = rows.text(i, 4),
          .description = rows.text(i, 5),
          .price = Money(rows.integer(i, 6), rows.text(i, 7)),
          .variants = {}};
}

void add_variants(Session& db, std::vector<Product>& products) {
  if (products.empty()) return;
  std::vector<Value> ids;
  std::map<std::string, Product*> by_id;
  for (auto& product : products) {
    ids.emplace_back(product.id);
    by_id[product.id] = &product;
  }
  const auto rows =
      db.run(fmt::format(
                 "SELECT product_id, sku, size_tenth_mm, price_minor, weight_mg FROM variant WHERE "
                 "product_id IN ({}) ORDER BY product_id, position",
                 placeholders(1, ids.size())),
             ids);
  for (size_t i = 0; i < rows.size(); ++i) {
    Product& product = *by_id.at(rows.text(i, 0));
    Variant variant{.sku = rows.text(i, 1),
                    .size_tenth_mm = {},
                    .price = Money(rows.integer(i, 3), product.price.currency()),
                    .weight_mg = rows.integer(i, 4)};
    if (rows.cells[i][2]) variant.size_tenth_mm = rows.integer(i, 2);
    product.variants.push_back(std::move(variant));
  }
}

// How a sort order reads the page's last row, and goes on after it.
struct RowOrder {
  const char* column;
  size_t index;  // in kColumns
  bool number, descending;
};

RowOrder row_order_of(ProductQuery::Sort sort) {
  switch (sort) {
    case ProductQuery::Sort::price_up:
      return {"price_minor", 6, true, false};
    case ProductQuery::Sort::price_down:
      return {"price_minor", 6, true, true};
    case ProductQuery::Sort::name:
      return {"name", 1, false, false};
    case ProductQuery::Sort::featured:
      break;
  }
  return {"position", 8, true, false};
}

std::string make_cursor(const Rows& rows, size_t i, const RowOrder& order) {
  return slipway::base64url_encode(
      slipway::Json::array({order.column, rows.text(i, order.index), rows.text(i, 0)}).dump());
}

std::pair<Value, Value> read_cursor(const std::string& cursor, const RowOrder& order) {
  const auto json = slipway::parse_json(slipway::base64_decode(cursor), "cursor");
  if (!json.is_array() || json.size() != 3 || json[0] != order.column || !json[1].is_string() ||
      !json[2].is_string()) {
    throw slipway::invalid_argument("the cursor does not belong to this list");
  }
  const auto key = json[1].get<std::string>();
  if (!order.number) return {key, json[2].get<std::string>()};
  const auto number = slipway::parse_int(key);
  if (!number) throw slipway::invalid_argument("the cursor does not belong to this list");
  return {*number, json[2].get<std::string>()};
}

}  // namespace

std::string Variant::size_text() const {
  if (!size_tenth_mm) return "";
  // ISO 8653: the size is the circumference in mm. US sizes are quarters of (mm - 36.5) / 2.55.
  // In tenths of a millimetre: quarters = (tenths - 365) * 4 / 25.5, rounded.
  const int64_t rounded = std::max<int64_t>((*size_tenth_mm - 365) * 80 + 255, 0) / 510;
  static constexpr const char* kFractions[] = {"", " 1/4", " 1/2", " 3/4"};
  return fmt::format("EU {} / US {}{}", *size_tenth_mm / 10, rounded / 4, kFractions[rounded % 4]);
}

ProductPage Catalog::list(Session& db, const ProductQuery& query) const {
  std::string where;
  std::vector<Value> parameters;
  auto add = [&](const char* condition, Value value) {
    parameters.push_back(std::move(value));
    where += where.empty() ? " WHERE " : " AND ";
    where += fmt::format(fmt::runtime(condition), parameters.size());
  };
  if (query.category) add("category = ${}", *query.category);
  if (query.metal) add("metal = ${}", *query.metal);
  if (query.stone) add("stone = ${}", *query.stone);
  if (query.price_min) add("price_minor >= ${}", *query.price_min);
  if (query.price_max) add("price_minor <= ${}", *query.price_max);
  if (query.text) {
    std::string text = slipway::to_lower(*query.text);
    for (const char* special : {"!", "%", "_"})
      text = slipway::replace_all(text, special, std::string("!") + special);
    add("lower(name || ' ' || description) LIKE ${} ESCAPE '!'", "%" + text + "%");
  }
  const RowOrder order = row_order_of(query.sort);
  if (query.cursor) {
    auto [key, id] = read_cursor(*query.cursor, order);
    parameters.push_back(std::move(key));
    const size_t at = parameters.size();
    add(fmt::format("({}, id) {} (${}, ${{}})", order.column, order.descending ? "<" : ">", at)
            .c_str(),
        std::move(id));
  }
  parameters.emplace_back(static_cast<int64_t>(query.limit + 1));
  const char* direction = order.descending ? "DESC" : "ASC";
  const auto rows = db.run(fmt::format("{}{} ORDER BY {} {}, id {} LIMIT ${}", kColumns, where,
                                       order.column, direction, direction, parameters.size()),
                           parameters);
  ProductPage page;
  for (size_t i = 0; i < std::min(rows.size(), query.limit); ++i)
    page.products.push_back(read_product(rows, i));
  if (rows.size() > query.limit) page.next = make_cursor(rows, query.limit - 1, order);
  add_variants(db, page.products);
  return page;
}

std::optional<Product> Catalog::find(Session& db, const std::string& id) const {
  const auto rows = db.run(fmt::format("{} WHERE id = $1", kColumns), {id});
  if (rows.empty()) return std::nullopt;
  std::vector<Product> one{read_product(rows, 0)};
  add_variants(db, one);
  return std::move(one.front());
}

std::map<std::string, Sellable> Catalog::sellables(Session& db,
                                                   const std::vector<std::string>& skus) const {
  std::map<std::string, Sellable> out;
  if (skus.empty()) return out;
  const auto rows = db.run(
      fmt::format("SELECT variant.sku, product.name, variant.size_tenth_mm, variant.price_minor, "
                  "product.currency FROM variant JOIN product ON product.id = variant.product_id "
                  "WHERE variant.sku IN ({})",
                  placeholders(1, skus.size())),
      std::vector<Value>(skus.begin(), skus.end()));
  for (size_t i = 0; i < rows.size(); ++i) {
    Variant variant;
    if (rows.cells[i][2]) variant.size_tenth_mm = rows.integer(i, 2);
    const std::string size = variant.size_text();
    out[rows.text(i, 0)] = {rows.text(i, 0), rows.text(i, 1) + (size.empty() ? "" : ", " + size),
                            Money(rows.integer(i, 3), rows.text(i, 4))};
  }
  return out;
}

}  // namespace jewelry
