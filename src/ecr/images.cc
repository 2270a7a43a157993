// Images: list, describe, put.
#include "aws/page.h"
#include "ecr/operations.h"

namespace slipway::ecr {

namespace {

using TagsOf = std::map<std::string, std::vector<std::string>>;  // by manifest digest

TagsOf tags_by_digest(const store::Reader& db, const registry::Repository& repository) {
  TagsOf out;
  for (auto& tag : registry::list_tags(db, repository)) out[tag.digest].push_back(tag.name);
  return out;
}

// TAGGED, UNTAGGED, ANY; and nothing here is ever archived.
bool passes(const std::optional<std::string>& tag_status,
            const std::optional<std::string>& image_status, bool tagged) {
  if (image_status && *image_status != api::ImageStatusFilterValues::ACTIVE &&
      *image_status != api::ImageStatusFilterValues::ANY)
    return false;
  if (!tag_status || *tag_status == api::TagStatusValues::ANY) return true;
  return tagged == (*tag_status == api::TagStatusValues::TAGGED);
}

api::ListImagesResponse list_images(Ecr&, aws::Context& c, const api::ListImagesRequest& in) {
  const auto repository = repository_of(c, in);
  const auto filter = in.filter.value_or(api::ListImagesFilter());
  const auto tags = tags_by_digest(*c.db, *repository);
  struct Entry {
    std::string key;
    api::ImageIdentifier id;
  };
  std::vector<Entry> all;
  for (const auto& manifest : registry::list_manifests(*c.db, *repository)) {
    const auto known = tags.find(manifest->digest);
    const bool tagged = known != tags.end();
    if (!passes(filter.tagStatus, filter.imageStatus, tagged)) continue;
    if (!tagged) all.push_back({manifest->digest, {manifest->digest, std::nullopt}});
    if (tagged)
      for (const auto& tag : known->second)
        all.push_back({manifest->digest + "/" + tag, {manifest->digest, tag}});
  }
  const auto page = aws::paginate(
      "ecr.images", all, [](const Entry& e) -> const std::string& { return e.key; }, in.nextToken,
      static_cast<size_t>(in.maxResults.value_or(100)));
  api::ListImagesResponse out;
  auto& list = out.imageIds.emplace();
  for (const auto& entry : page.items) list.push_back(entry.id);
  out.nextToken = page.next;
  return out;
}

api::ImageDetail detail_of(const registry::Repository& repository,
                           const registry::StoredManifest& manifest, const TagsOf& tags) {
  api::ImageDetail out;
  out.registryId = repository.scope.account;
  out.repositoryName = repository.name;
  out.imageDigest = manifest.digest;
  if (const auto known = tags.find(manifest.digest); known != tags.end())
    out.imageTags = known->second;
  out.imageSizeInBytes = static_cast<int64_t>(manifest.size);
  out.imagePushedAt = TimePoint(microseconds(manifest.pushed_us));
  out.imageManifestMediaType = manifest.media_type;
  const auto& artifact =
      manifest.artifact_type.empty() ? manifest.config_media_type : manifest.artifact_type;
  if (!artifact.empty()) out.artifactMediaType = artifact;
  if (manifest.pulled_us != 0)
    out.lastRecordedPullTime = TimePoint(microseconds(manifest.pulled_us));
  if (!manifest.subject.empty()) out.subjectManifestDigest = manifest.subject;
  out.imageStatus = api::ImageStatusValues::ACTIVE;
  return out;
}

std::string show(const std::optional<std::string>& value) {
  return value.value_or("null");
}

registry::ManifestPtr require_image(const store::Reader& db, const registry::Repository& repository,
                                    const api::ImageIdentifier& id) {
  if (!id.imageDigest && !id.imageTag)
    throw api::InvalidParameterException(
        "Invalid request parameters: both tag and digest cannot be null");
  const auto found =
      registry::find_manifest(db, repository, id.imageTag ? *id.imageTag : *id.imageDigest);
  if (found && (!id.imageDigest || *id.imageDigest == found->digest)) return found;
  throw api::ImageNotFoundException(fmt::format(
      "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist "
      "within the repository with name '{}' in the registry with id '{}'",
      show(id.imageDigest), show(id.imageTag), repository.name, repository.scope.account));
}

api::DescribeImagesResponse describe_images(Ecr&, aws::Context& c,
                                            const api::DescribeImagesRequest& in) {
  const auto repository = repository_of(c, in);
  const auto tags = tags_by_digest(*c.db, *repository);
  api::DescribeImagesResponse out;
  auto& list = out.imageDetails.emplace();
  if (in.imageIds) {
    std::set<std::string> shown;
    for (const auto& id : *in.imageIds) {
      const auto manifest = require_image(*c.db, *repository, id);
      if (shown.insert(manifest->digest).second)
        list.push_back(detail_of(*repository, *manifest, tags));
    }
    return out;
  }
  const auto filter = in.filter.value_or(api::DescribeImagesFilter());
  auto all = registry::list_manifests(*c.db, *repository);
  std::erase_if(all, [&](const registry::ManifestPtr& one) {
    return !passes(filter.tagStatus, filter.imageStatus, tags.contains(one->digest));
  });
  const auto page = aws::paginate(
      "ecr.details", all,
      [](const registry::ManifestPtr& one) -> const std::string& { return one->digest; },
      in.nextToken, static_cast<size_t>(in.maxResults.value_or(100)));
  for (const auto& one : page.items) list.push_back(detail_of(*repository, *one, tags));
  out.nextToken = page.next;
  return out;
}

void refuse_if_unchanged(const store::Reader& db, const registry::Repository& repository,
                         const registry::StoredManifest& manifest, const std::string& tag) {
  const auto known = tag.empty() ? std::nullopt : registry::find_tag(db, repository, tag);
  const bool same = tag.empty()
                        ? registry::find_manifest(db, repository, manifest.digest) != nullptr
                        : known && known->digest == manifest.digest;
  if (same)
    throw api::ImageAlreadyExistsException(fmt::format(
        "Image with digest '{}' and tag '{}' already exists in the repository with "
        "name '{}' in registry with id '{}'",
        manifest.digest, tag.empty() ? "null" : tag, repository.name, repository.scope.account));
}

// Stores bytes, so it runs its transaction itself.
api::PutImageResponse put_image(Ecr& self, aws::Context& c, const api::PutImageRequest& in) {
  const auto repository = look_up_repository(c, in);
  const auto manifest =
      registry::describe_manifest(*in.imageManifest, in.imageManifestMediaType.value_or(""));
  if (in.imageDigest && *in.imageDigest != manifest.digest)
    throw api::ImageDigestDoesNotMatchException(
        fmt::format("The image digest '{}' does not match the digest '{}' of the image manifest",
                    *in.imageDigest, manifest.digest));
  const std::string tag = in.imageTag.value_or("");
  self.content.put(*in.imageManifest);
  for (const auto& blob : manifest.blobs) self.content.touch(blob);
  c.store.write([&](store::Writer& db) {
    refuse_if_unchanged(db, *repository, manifest, tag);
    registry::put_manifest(db, *repository, manifest, tag, c.now);
  });
  api::PutImageResponse out;
  auto& image = out.image.emplace();
  image.registryId = repository->scope.account;
  image.repositoryName = repository->name;
  image.imageId = api::ImageIdentifier{manifest.digest, in.imageTag};
  image.imageManifest = in.imageManifest;
  image.imageManifestMediaType = manifest.media_type;
  return out;
}

}  // namespace

void add_images(Ecr& self, Rows& rows) {
  rows.push_back(row<api::op::ListImages>(self, list_images));
  rows.push_back(row<api::op::DescribeImages>(self, describe_images));
  rows.push_back(row<api::op::PutImage>(self, put_image, {.transaction = aws::Transaction::none}));
}

}  // namespace slipway::ecr
