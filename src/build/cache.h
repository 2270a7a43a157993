// The step cache: what a step made, by a key over everything that went into it (the layers below,
// the instruction with its variables expanded, the files it reads). Rows of the store; thread-safe.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "image/image.h"
#include "store/store.h"

namespace slipway::build {

struct CachedStep {
  std::string
      created;  // RFC 3339; part of the image config, so that a cached rebuild has the same id
  bool has_layer = false;
  image::Descriptor layer;
  image::Digest diff_id;
  uint64_t size = 0;
};

class Cache {
 public:
  Cache(store::Store& store, image::ContentStore& content) : store_(store), content_(content) {}
  // nullopt also when its layer has been deleted meanwhile.
  std::optional<CachedStep> find(const std::string& key) const;
  void remember(const std::string& key, const CachedStep& step);
  size_t clear();

 private:
  store::Store& store_;
  image::ContentStore& content_;
};

}  // namespace slipway::build
