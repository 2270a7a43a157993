// What the store keeps about images, and the look-ups and changes on those rows. Inside image/.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/sync.h"
#include "image/image.h"
#include "store/table.h"

namespace slipway::image {

struct ManifestRef {
  Digest digest;
  std::string media_type;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ManifestRef, digest, media_type)

struct ImageRow {
  std::string id;
  std::vector<ManifestRef> manifests;  // with this config; the last one is the image's own
  std::vector<std::string> tags;       // the keys of image_tag that mean this image
  std::vector<std::string> digests;    // and of image_digest
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ImageRow, id, manifests, tags, digests)

struct NameRow {
  std::string image;
  Digest manifest;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NameRow, image, manifest)

inline constexpr store::Table<ImageRow> image_table{"image"};
inline constexpr store::Table<NameRow> tag_table{"image_tag"};        // "domain/path:tag"
inline constexpr store::Table<NameRow> digest_table{"image_digest"};  // "domain/path@sha256:..."

struct Match {
  std::string id;
  ImageRow row;
  ManifestRef manifest;
  std::string name;  // the key of image_tag or image_digest it was found by; empty: by id
};
std::optional<Match> match_image(const store::Reader& db, std::string_view name_or_id);
void tag_image(store::Writer& db, std::string_view image_id, const Reference& name);
std::vector<Images::Removed> remove_image(
    store::Store& store, std::string_view name_or_id, bool force,
    const std::function<std::optional<std::string>(const std::string& id)>& in_use);

// Counted holds on digests.
class Pins {
 public:
  static std::shared_ptr<void> pin(const std::shared_ptr<Pins>& self, std::vector<Digest> digests);
  std::set<Digest> list() const;

 private:
  Sync<std::map<Digest, int>> counts_;
};

}  // namespace slipway::image
