// The step cache: what a step made, by a key over everything that went into it (the layers below,
// the instruction with its variables expanded, the files it reads). Rows of the store; what was
// used or made lately is written in one go, so that a cached build writes next to nothing.
// Thread-safe; one for all builds.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>

#include "base/clock.h"
#include "base/sync.h"
#include "build/builder.h"
#include "image/image.h"
#include "store/store.h"

namespace slipway::build {

struct CachedStep {
  std::string
      created;  // RFC 3339; part of the image config, so that a cached rebuild has the same id
  bool has_layer = false;
  image::Descriptor layer;
  image::Digest diff_id;
  uint64_t size = 0, disk = 0;  // of its files; blocks that they take, unpacked
  std::string key;              // by content: what another key of the same step leads to
  std::string description;      // the instruction
  int64_t made_us = 0, used_us = 0;
};

class Cache {
 public:
  Cache(store::Store& store, image::Images& images, image::ContentStore& content,
        const Clock& clock);

  // nullopt also when its layer has been deleted meanwhile. The layer stays while pin lives.
  std::optional<CachedStep> find(const std::string& key, std::shared_ptr<void>& pin);
  void remember(const std::string& key, CachedStep step);
  void flush();  // writes what remember and find have gathered

  std::vector<CacheUsage> usage() const;
  // Bytes of layers (packed and unpacked) that only the cache keeps.
  uint64_t bytes() const;
  // Forgets steps, the longest unused first, until at most keep bytes are left, and frees what
  // nothing else needs.
  Pruned shrink(const PruneOptions& options);
  std::function<bool(const image::Digest&)> claims() const;
  void forget_stale();  // what nobody used for a month; looks once a day

 private:
  struct State {
    int64_t swept_us = 0;
    std::map<std::string, CachedStep> pending;  // not yet in the store
    std::set<std::string> used;
  };
  std::map<std::string, CachedStep> rows() const;
  int64_t now_us() const;
  void free_layers(const std::set<image::Digest>& digests);
  void forget(const std::vector<std::string>& keys);

  store::Store& store_;
  image::Images& images_;
  image::ContentStore& content_;
  const Clock& clock_;
  mutable Sync<State> state_;
  std::shared_mutex removal_;  // shared: between finding a step and pinning its layer
};

}  // namespace slipway::build
