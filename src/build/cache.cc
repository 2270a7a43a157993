#include "build/cache.h"

#include "store/table.h"

namespace slipway::image {

static void to_json(Json& json, const Descriptor& d) {
  json = {{"mediaType", d.media_type}, {"digest", d.digest}, {"size", d.size}};
}
static void from_json(const Json& json, Descriptor& d) {
  d = {json.value("mediaType", ""), json.value("digest", ""), json.value("size", uint64_t{0})};
}

}  // namespace slipway::image

namespace slipway::build {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(CachedStep, created, has_layer, layer, diff_id,
                                                size)

namespace {
const store::Table<CachedStep> table("build_cache");
}

std::optional<CachedStep> Cache::find(const std::string& key) const {
  std::shared_ptr<const CachedStep> step;
  store_.read([&](const store::Reader& db) { step = table.get(db, key); });
  if (!step || (step->has_layer && !content_.touch(step->layer.digest))) return std::nullopt;
  return *step;
}

void Cache::remember(const std::string& key, const CachedStep& step) {
  store_.write([&](store::Writer& db) { table.put(db, key, step); });
}

size_t Cache::clear() {
  size_t count = 0;
  store_.write([&](store::Writer& db) {
    const auto rows = db.scan(table.name());
    count = rows.size();
    for (const auto& row : rows) table.erase(db, row.key);
  });
  return count;
}

}  // namespace slipway::build
