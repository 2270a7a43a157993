// The catalogue: products and their variants (a ring's sizes). Owns the tables product and variant;
// knows nothing of stock.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "database/database.h"
#include "money/money.h"

namespace jewelry {

struct Variant {
  std::string sku;
  std::optional<int64_t> size_tenth_mm;  // a ring's inner circumference
  Money price;
  int64_t weight_mg = 0;
  // "EU 52 / US 6", or empty for what has no size.
  std::string size_text() const;
};

struct Product {
  std::string id;  // a slug: it is the last part of the page's address
  std::string name, category, metal, stone, description;
  Money price;  // the lowest of its variants
  std::vector<Variant> variants;
};

// A variant as a cart or an order line shows it.
struct Sellable {
  std::string sku, title;
  Money price;
};

struct ProductQuery {
  std::optional<std::string> category, metal, stone, text;
  std::optional<int64_t> price_min, price_max;  // minor units
  enum class Sort { featured, price_up, price_down, name } sort = Sort::featured;
  size_t limit = 24;
  std::optional<std::string> cursor;
};

struct ProductPage {
  std::vector<Product> products;
  std::optional<std::string> next;  // cursor
};

class Catalog {
 public:
  // Throws Error(invalid_argument) for a cursor that is none of ours.
  ProductPage list(Session& db, const ProductQuery& query) const;
  std::optional<Product> find(Session& db, const std::string& id) const;
  // Those of the SKUs that exist, by SKU.
  std::map<std::string, Sellable> sellables(Session& db,
                                            const std::vector<std::string>& skus) const;
};

// Products, variants and their first stock.
void seed_catalogue(Session& db);

}  // namespace jewelry
