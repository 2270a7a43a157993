// What is inside a repository: manifests, tags, blobs.
#include "codec/hash.h"
#include "codec/json.h"
#include "registry/repositories.h"
#include "registry/rows.h"

namespace slipway::registry {

namespace {

int64_t micros(TimePoint t) {
  return t.time_since_epoch().count();
}

// Writes only what changed: pushing again costs no transaction.
void require_parts(store::Writer& db, const Repository& repository, StoredManifest& manifest) {
  for (const auto& blob : manifest.needed)
    if (!find_blob(db, repository, blob.digest))
      throw RegistryError(
          Code::manifest_blob_unknown, Kind::not_found,
          fmt::format("Layers with digests '[{}]' required for pushing image into repository with "
                      "name '{}' in the registry with id '{}' do not exist",
                      blob.digest, repository.name, repository.scope.account),
          blob.digest);
  for (const auto& digest : manifest.children) {
    const auto child = find_manifest(db, repository, digest);
    if (!child)
      throw RegistryError(
          Code::manifest_child_unknown, Kind::not_found,
          fmt::format("Images with digests '[{}]' required for pushing image into repository with "
                      "name '{}' in the registry with id '{}' do not exist",
                      digest, repository.name, repository.scope.account),
          digest);
    manifest.size = std::max(manifest.size, child->size);
  }
}

void set_tag(store::Writer& db, const Repository& repository, const StoredManifest& manifest,
             std::string_view tag, TimePoint now) {
  if (!image::valid_tag_name(tag))
    throw RegistryError(Code::tag_invalid, Kind::invalid_argument,
                        fmt::format("'{}' is not a valid image tag", tag), std::string(tag));
  const auto known = find_tag(db, repository, tag);
  if (known && known->digest == manifest.digest) return;
  if (known && repository.immutable(tag))
    throw RegistryError(
        Code::tag_immutable, Kind::conflict,
        fmt::format("The image tag '{}' already exists in the '{}' repository and cannot be "
                    "overwritten because the tag is immutable.",
                    tag, repository.name),
        std::string(tag));
  tag_table.put(db, item_key(repository, tag), Tag{std::string(tag), manifest.digest, micros(now)});
}

}  // namespace

StoredManifest describe_manifest(std::string_view text, std::string_view media_type,
                                 std::string_view algorithm) {
  image::Manifest parsed;
  try {
    parsed = image::Manifest::parse(text, media_type);
  } catch (const Error& e) {
    throw RegistryError(Code::manifest_invalid, Kind::invalid_argument, e.what());
  }
  StoredManifest out;
  Hasher hash(algorithm);
  hash.update(text);
  out.digest = hash.digest();
  out.media_type = parsed.media_type;
  out.artifact_type = parsed.artifact_type;
  out.manifest_bytes = text.size();
  if (parsed.subject) out.subject = parsed.subject->digest;
  if (!parsed.annotations.empty()) out.annotations = Json(parsed.annotations).dump();
  for (const auto& child : parsed.children) out.children.push_back(child.descriptor.digest);
  if (parsed.index) return out;
  out.config_media_type = parsed.config->media_type;
  for (const auto& part : parsed.references()) {
    out.size += part.size;
    out.blobs.push_back(part.digest);
    if (!image::is_foreign_layer(part.media_type)) out.needed.push_back(part);
  }
  return out;
}

void put_manifest(store::Writer& db, const Repository& repository, StoredManifest manifest,
                  std::string_view tag, TimePoint now) {
  get_repository(db, repository.scope, repository.name);
  require_parts(db, repository, manifest);
  if (!find_manifest(db, repository, manifest.digest)) {
    manifest.pushed_us = micros(now);
    manifest_table.put(db, item_key(repository, manifest.digest), manifest);
  }
  if (!tag.empty()) set_tag(db, repository, manifest, tag, now);
}

ManifestPtr find_manifest(const store::Reader& db, const Repository& repository,
                          std::string_view reference) {
  if (image::valid_digest(reference))
    return manifest_table.get(db, item_key(repository, reference));
  const auto tag = find_tag(db, repository, reference);
  return tag ? manifest_table.get(db, item_key(repository, tag->digest)) : nullptr;
}

std::vector<ManifestPtr> list_manifests(const store::Reader& db, const Repository& repository) {
  return manifest_table.scan(db, item_key(repository, ""));
}

std::vector<Tag> list_tags(const store::Reader& db, const Repository& repository,
                           std::string_view after, size_t limit) {
  std::vector<Tag> out;
  const std::string start = after.empty() ? "" : item_key(repository, after);
  for (const auto& row : tag_table.scan(db, item_key(repository, ""), start, limit))
    out.push_back(*row);
  return out;
}

std::optional<Tag> find_tag(const store::Reader& db, const Repository& repository,
                            std::string_view tag) {
  if (!image::valid_tag_name(tag)) return std::nullopt;
  const auto found = tag_table.get(db, item_key(repository, tag));
  return found ? std::optional<Tag>(*found) : std::nullopt;
}

bool erase_tag(store::Writer& db, const Repository& repository, std::string_view tag) {
  return image::valid_tag_name(tag) && tag_table.erase(db, item_key(repository, tag));
}

bool erase_manifest(store::Writer& db, const Repository& repository, std::string_view digest,
                    TimePoint now) {
  const auto manifest = find_manifest(db, repository, digest);
  if (!manifest || manifest->digest != digest) return false;
  for (const auto& other : list_manifests(db, repository))
    if (std::find(other->children.begin(), other->children.end(), digest) != other->children.end())
      throw RegistryError(
          Code::manifest_referenced, Kind::conflict,
          fmt::format("Requested image referenced by manifest list: [{}]", other->digest),
          other->digest);
  for (const auto& tag : list_tags(db, repository))
    if (tag.digest == digest) erase_tag(db, repository, tag.name);
  for (const auto& blob : manifest->blobs)
    if (const auto row = find_blob(db, repository, blob))
      add_blob(db, repository, blob, row->size, now);
  return manifest_table.erase(db, item_key(repository, digest));
}

void note_pull(store::Writer& db, const Repository& repository, std::string_view digest,
               TimePoint now) {
  const auto known = find_manifest(db, repository, digest);
  if (!known) return;
  StoredManifest changed = *known;
  changed.pulled_us = micros(now);
  manifest_table.put(db, item_key(repository, known->digest), changed);
}

std::optional<Blob> find_blob(const store::Reader& db, const Repository& repository,
                              std::string_view digest) {
  if (!image::valid_digest(digest)) return std::nullopt;
  const auto found = blob_table.get(db, item_key(repository, digest));
  return found ? std::optional<Blob>(*found) : std::nullopt;
}

void add_blob(store::Writer& db, const Repository& repository, std::string_view digest,
              uint64_t size, TimePoint now) {
  get_repository(db, repository.scope, repository.name);
  blob_table.put(db, item_key(repository, digest), Blob{std::string(digest), size, micros(now)});
}

bool blob_referenced(const store::Reader& db, const Repository& repository,
                     std::string_view digest) {
  for (const auto& manifest : list_manifests(db, repository))
    if (std::find(manifest->blobs.begin(), manifest->blobs.end(), digest) != manifest->blobs.end())
      return true;
  return false;
}

bool erase_blob(store::Writer& db, const Repository& repository, std::string_view digest) {
  return image::valid_digest(digest) && blob_table.erase(db, item_key(repository, digest));
}

std::set<image::Digest> digests_in_use(const store::Reader& db) {
  std::set<image::Digest> out;
  for (const auto& blob : blob_table.scan(db)) out.insert(blob->digest);
  for (const auto& manifest : manifest_table.scan(db)) out.insert(manifest->digest);
  return out;
}

size_t sweep_blobs(store::Writer& db, TimePoint now, microseconds grace) {
  size_t count = 0;
  for (const auto& repository : repository_table.scan(db)) {
    std::set<image::Digest> needed;
    for (const auto& manifest : list_manifests(db, *repository))
      needed.insert(manifest->blobs.begin(), manifest->blobs.end());
    for (const auto& blob : blob_table.scan(db, item_key(*repository, ""))) {
      if (needed.contains(blob->digest) || micros(now) - blob->since_us < grace.count()) continue;
      count += erase_blob(db, *repository, blob->digest);
    }
  }
  return count;
}

}  // namespace slipway::registry
