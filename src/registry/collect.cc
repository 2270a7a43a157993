// Collection: the registry's claims put together with the images'.
#include "registry/collect.h"

namespace slipway::registry {

uint64_t collect(store::Store& store, image::Images& images, const Clock& clock,
                 const std::function<bool(const image::Digest&)>& also_in_use, microseconds grace) {
  store.write([&](store::Writer& db) { sweep_blobs(db, clock.now()); });
  // A blob that a push registers after this look was touched by that push: its grace protects it.
  std::set<image::Digest> held;
  store.read([&](const store::Reader& db) { held = digests_in_use(db); });
  return images.collect_garbage(
      [&](const image::Digest& digest) {
        return held.contains(digest) || (also_in_use && also_in_use(digest));
      },
      grace);
}

}  // namespace slipway::registry
