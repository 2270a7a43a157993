// BatchGetImage and BatchDeleteImage: each image succeeds or fails on its own.
#include "ecr/operations.h"

namespace slipway::ecr {

namespace {

namespace failure = api::ImageFailureCodeValues;

api::ImageFailure fail(const api::ImageIdentifier& id, const char* code, std::string reason) {
  api::ImageFailure out;
  out.imageId = id;
  out.failureCode = code;
  out.failureReason = std::move(reason);
  return out;
}

struct Found {
  registry::ManifestPtr manifest;
  std::optional<api::ImageFailure> failure;
};

Found find(const store::Reader& db, const registry::Repository& repository,
           const api::ImageIdentifier& id) {
  if (!id.imageDigest && !id.imageTag)
    return {nullptr, fail(id, failure::MissingDigestAndTag,
                          "Invalid request parameters: both tag and digest cannot be null")};
  if (id.imageDigest && !image::valid_digest(*id.imageDigest))
    return {nullptr, fail(id, failure::InvalidImageDigest,
                          "Invalid request parameters: image digest should satisfy the regex "
                          "'[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")};
  if (id.imageTag && !image::valid_tag_name(*id.imageTag))
    return {nullptr, fail(id, failure::InvalidImageTag, "Invalid request parameters: image tag")};
  auto manifest =
      registry::find_manifest(db, repository, id.imageTag ? *id.imageTag : *id.imageDigest);
  if (!manifest) return {nullptr, fail(id, failure::ImageNotFound, "Requested image not found")};
  if (id.imageDigest && *id.imageDigest != manifest->digest)
    return {nullptr, fail(id, failure::ImageTagDoesNotMatchDigest,
                          "Requested image tag does not match the requested image digest")};
  return {std::move(manifest), std::nullopt};
}

// Reads bytes and notes the pull, so it runs its transactions itself.
api::BatchGetImageResponse batch_get_image(Ecr& self, aws::Context& c,
                                           const api::BatchGetImageRequest& in) {
  const auto repository = look_up_repository(c, in);
  api::BatchGetImageResponse out;
  auto& images = out.images.emplace();
  auto& failures = out.failures.emplace();
  std::vector<Found> found;
  c.store.read([&](const store::Reader& db) {
    for (const auto& id : *in.imageIds) found.push_back(find(db, *repository, id));
  });
  std::vector<std::string> pulled;
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].failure) {
      failures.push_back(*found[i].failure);
      continue;
    }
    const auto& manifest = *found[i].manifest;
    auto& image = images.emplace_back();
    image.registryId = repository->scope.account;
    image.repositoryName = repository->name;
    image.imageId = api::ImageIdentifier{manifest.digest, (*in.imageIds)[i].imageTag};
    image.imageManifest = self.content.read(manifest.digest, image::max_manifest_bytes);
    image.imageManifestMediaType = manifest.media_type;
    if (c.now - TimePoint(microseconds(manifest.pulled_us)) > seconds(24 * 3600))
      pulled.push_back(manifest.digest);
  }
  if (!pulled.empty())
    c.store.write([&](store::Writer& db) {
      for (const auto& digest : pulled) registry::note_pull(db, *repository, digest, c.now);
    });
  return out;
}

// Removes what the identifier means; appends what went.
void delete_one(aws::Context& c, const registry::Repository& repository,
                const api::ImageIdentifier& id, const std::string& digest,
                std::vector<api::ImageIdentifier>& gone) {
  std::vector<std::string> tags;
  for (const auto& tag : registry::list_tags(*c.db, repository))
    if (tag.digest == digest) tags.push_back(tag.name);
  if (id.imageTag && tags.size() > 1) {
    registry::erase_tag(*c.db, repository, *id.imageTag);
    gone.push_back({digest, id.imageTag});
    return;
  }
  // The image goes with its last tag, or with all of them when it is named by digest.
  registry::erase_manifest(*c.db, repository, digest, c.now);
  for (const auto& tag : tags) gone.push_back({digest, tag});
  if (tags.empty()) gone.push_back({digest, std::nullopt});
}

api::BatchDeleteImageResponse batch_delete_image(Ecr&, aws::Context& c,
                                                 const api::BatchDeleteImageRequest& in) {
  const auto repository = repository_of(c, in);
  api::BatchDeleteImageResponse out;
  auto& gone = out.imageIds.emplace();
  auto& failures = out.failures.emplace();
  for (const auto& id : *in.imageIds) {
    const auto found = find(*c.db, *repository, id);
    if (found.failure) {
      failures.push_back(*found.failure);
      continue;
    }
    try {
      delete_one(c, *repository, id, found.manifest->digest, gone);
    } catch (const registry::RegistryError& e) {
      if (e.code() != registry::Code::manifest_referenced) throw;
      failures.push_back(fail(id, failure::ImageReferencedByManifestList, e.what()));
    }
  }
  return out;
}

}  // namespace

void add_image_batches(Ecr& self, Rows& rows) {
  rows.push_back(
      row<api::op::BatchGetImage>(self, batch_get_image, {.transaction = aws::Transaction::none}));
  rows.push_back(row<api::op::BatchDeleteImage>(self, batch_delete_image,
                                                {.transaction = aws::Transaction::write}));
}

}  // namespace slipway::ecr
