// Table<T>: typed view of one table. T converts to and from JSON by nlohmann's to_json/from_json
// (std::optional members: codec/json.h). A row is decoded once per version, not per read.
#pragma once
#include <nlohmann/json.hpp>

#include "codec/json.h"
#include "store/store.h"

namespace slipway::store {

template <typename T>
class Table {
 public:
  // name: a string literal, unique in the program, stable for ever (it is on disk).
  explicit constexpr Table(std::string_view name) : name_(name) {}

  std::shared_ptr<const T> get(const Reader& db, std::string_view key) const {
    auto row = db.get(name_, key);
    return row ? decode(*row) : nullptr;
  }
  std::vector<std::shared_ptr<const T>> scan(const Reader& db, std::string_view prefix = {},
                                             std::string_view after = {}, size_t limit = 0) const {
    std::vector<std::shared_ptr<const T>> out;
    for (auto& row : db.scan(name_, prefix, after, limit)) out.push_back(decode(row));
    return out;
  }
  void put(Writer& db, std::string_view key, const T& value) const {
    db.put(name_, key, nlohmann::json(value).dump());
  }
  bool erase(Writer& db, std::string_view key) const { return db.erase(name_, key); }
  std::string_view name() const { return name_; }

 private:
  static std::shared_ptr<const T> decode(const Row& row) {
    if (row.decoded) {
      if (auto known = std::atomic_load(row.decoded.get()))
        return std::static_pointer_cast<const T>(known);
    }
    auto made = std::make_shared<const T>(nlohmann::json::parse(*row.value).template get<T>());
    if (row.decoded) std::atomic_store(row.decoded.get(), std::shared_ptr<const void>(made));
    return made;
  }
  std::string_view name_;
};

}  // namespace slipway::store
