#include "build/cache.h"

#include "registry/collect.h"
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
                                                size, disk, key, description, made_us, used_us)

namespace {

const store::Table<CachedStep> cache_table("build_cache");
constexpr int64_t kUsedStep = 60'000'000;  // a use is noted when the last note is older
constexpr size_t kMostPending = 64;
constexpr int64_t kDay = 86'400'000'000, kStale = 30 * kDay;

// What a step's layer takes on the disk, packed and unpacked. Files that two layers share count for
// both: the cap holds, whichever of them goes first.
uint64_t disk_bytes(const CachedStep& step) {
  constexpr uint64_t block = 4096;
  if (!step.has_layer) return 0;
  return std::max(step.size, step.disk) + (step.layer.size + block - 1) / block * block;
}

// Bytes of each layer, and how many keys lead there.
using LayerCounts = std::map<image::Digest, std::pair<uint64_t, int>>;

std::string short_row_id(const CachedStep& step) {
  return step.diff_id.substr(step.diff_id.find(':') + 1, 25);
}

std::set<image::Digest> held_by_images(const image::Images& images) {
  std::set<image::Digest> out;
  for (const auto& image : images.list())
    out.insert(image.config.diff_ids.begin(), image.config.diff_ids.end());
  return out;
}

TimePoint from_us(int64_t us) {
  return TimePoint{} + microseconds(us);
}

CacheUsage usage_of(const CachedStep& step, const std::set<image::Digest>& held) {
  CacheUsage out;
  out.id = short_row_id(step);
  out.type = "regular";
  out.description = step.description;
  out.bytes = disk_bytes(step);
  out.created = from_us(step.made_us);
  out.last_used = from_us(step.used_us);
  out.shared = held.contains(step.diff_id);
  return out;
}

}  // namespace

Cache::Cache(store::Store& store, image::Images& images, image::ContentStore& content,
             const Clock& clock)
    : store_(store), images_(images), content_(content), clock_(clock) {}

std::optional<CachedStep> Cache::find(const std::string& key, std::shared_ptr<void>& pin) {
  const std::shared_lock lock(removal_);
  std::optional<CachedStep> step;
  {
    auto state = state_.lock();
    if (const auto at = state->pending.find(key); at != state->pending.end()) step = at->second;
  }
  if (!step) {
    std::shared_ptr<const CachedStep> row;
    store_.read([&](const store::Reader& db) { row = cache_table.get(db, key); });
    if (!row) return std::nullopt;
    step = *row;
    const int64_t now = now_us();
    if (now - step->used_us > kUsedStep) state_.lock()->used.insert(key);
  }
  if (!step->has_layer) return step;
  pin = images_.pin({step->diff_id, step->layer.digest});
  if (!content_.touch(step->layer.digest)) return std::nullopt;
  return step;
}

void Cache::remember(const std::string& key, CachedStep step) {
  const int64_t now = now_us();
  if (step.made_us == 0) step.made_us = now;
  step.used_us = now;
  bool full = false;
  {
    auto state = state_.lock();
    state->pending[key] = std::move(step);
    full = state->pending.size() >= kMostPending;
  }
  if (full) flush();
}

void Cache::flush() {
  State gathered;
  {
    auto state = state_.lock();
    gathered = *state;
    state->used.clear();
  }
  if (gathered.pending.empty() && gathered.used.empty()) return;
  const int64_t now = now_us();
  store_.write([&](store::Writer& db) {
    for (const auto& [key, step] : gathered.pending) cache_table.put(db, key, step);
    for (const auto& key : gathered.used) {
      const auto row = cache_table.get(db, key);
      if (!row) continue;
      CachedStep step = *row;
      step.used_us = now;
      cache_table.put(db, key, step);
    }
  });
  auto state = state_.lock();
  for (const auto& [key, step] : gathered.pending) {
    const auto at = state->pending.find(key);
    if (at != state->pending.end() && at->second.used_us == step.used_us) state->pending.erase(at);
  }
}

std::map<std::string, CachedStep> Cache::rows() const {
  std::map<std::string, CachedStep> out;
  store_.read([&](const store::Reader& db) {
    for (const auto& row : db.scan(cache_table.name()))
      if (auto step = cache_table.get(db, row.key)) out.emplace(row.key, *step);
  });
  return out;
}

std::vector<CacheUsage> Cache::usage() const {
  const auto held = held_by_images(images_);
  std::map<image::Digest, CacheUsage> layers;
  for (const auto& [key, step] : rows()) {
    if (!step.has_layer) continue;
    const auto used = layers.contains(step.diff_id) ? layers[step.diff_id].last_used : TimePoint{};
    auto& one = layers[step.diff_id] = usage_of(step, held);
    one.last_used = std::max(one.last_used, used);
  }
  std::vector<CacheUsage> out;
  for (auto& [id, one] : layers) out.push_back(std::move(one));
  return out;
}

uint64_t Cache::bytes() const {
  uint64_t total = 0;
  for (const auto& one : usage())
    if (!one.shared) total += one.bytes;
  return total;
}

void Cache::forget(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  store_.write([&](store::Writer& db) {
    for (const auto& key : keys) cache_table.erase(db, key);
  });
}

// Rows that hold no bytes of their own are not worth counting, but neither kept for ever.
void Cache::forget_stale() {
  const int64_t now = now_us();
  {
    auto state = state_.lock();
    if (now - state->swept_us < kDay) return;
    state->swept_us = now;
  }
  std::vector<std::string> old;
  for (const auto& [key, step] : rows())
    if (now - step.used_us > kStale) old.push_back(key);
  forget(old);
}

int64_t Cache::now_us() const {
  return (clock_.now() - TimePoint{}) / microseconds(1);
}

Pruned Cache::shrink(const PruneOptions& options) {
  flush();
  const auto held = held_by_images(images_);
  const std::unique_lock lock(removal_);
  const auto all = rows();
  std::vector<std::pair<int64_t, std::string>> by_age;
  LayerCounts layers;
  uint64_t total = 0;
  for (const auto& [key, step] : all) {
    by_age.emplace_back(step.used_us, key);
    if (!step.has_layer || held.contains(step.diff_id)) continue;
    auto& [bytes, keys] = layers[step.diff_id];
    if (keys++ == 0) total += bytes = disk_bytes(step);
  }
  std::sort(by_age.begin(), by_age.end());
  const int64_t newest =
      options.unused_for ? now_us() - *options.unused_for / microseconds(1) : INT64_MAX;
  Pruned out;
  std::vector<std::string> gone;
  std::set<image::Digest> freed;
  std::map<image::Digest, uint64_t> blobs;
  for (const auto& [used, key] : by_age) {
    if ((total <= options.keep_bytes && options.keep_bytes > 0) || used > newest) break;
    const CachedStep& step = all.at(key);
    const auto layer = layers.find(step.diff_id);
    if (layer == layers.end() && (options.keep_bytes > 0 || !options.all)) continue;
    if (options.fits && !options.fits(usage_of(step, held))) continue;
    gone.push_back(key);
    if (layer == layers.end() || --layer->second.second > 0) continue;
    total -= layer->second.first;
    freed.insert({step.diff_id, step.layer.digest});
    blobs[step.layer.digest] = layer->second.first;
    out.ids.push_back(short_row_id(step));
  }
  forget(gone);
  free_layers(freed);
  for (const auto& [digest, bytes] : blobs)  // a build may hold on to some
    if (!content_.has(digest)) out.bytes += bytes;
  return out;
}

void Cache::free_layers(const std::set<image::Digest>& digests) {
  if (digests.empty()) return;
  const auto needed = claims();
  registry::collect(
      store_, images_, clock_,
      [&](const image::Digest& digest) { return !digests.contains(digest) || needed(digest); },
      microseconds(0));
}

std::function<bool(const image::Digest&)> Cache::claims() const {
  std::set<image::Digest> digests;
  const auto add = [&](const CachedStep& step) {
    if (!step.has_layer) return;
    digests.insert(step.diff_id);
    digests.insert(step.layer.digest);
  };
  for (const auto& [key, step] : rows()) add(step);
  {
    auto state = state_.lock();
    for (const auto& [key, step] : state->pending) add(step);
  }
  return [digests = std::move(digests)](const image::Digest& digest) {
    return digests.contains(digest);
  };
}

}  // namespace slipway::build
