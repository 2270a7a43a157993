// How the registry's records lie in the store. Inside registry/.
#pragma once
#include "registry/repositories.h"
#include "store/table.h"

namespace slipway::image {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Descriptor, media_type, digest, size)
}

namespace slipway::registry {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scope, account, region)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Repository, scope, name, created_us, mutability,
                                                exclusions, scan_on_push, encryption, kms_key,
                                                policy, lifecycle_policy, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(StoredManifest, digest, media_type, artifact_type,
                                                config_media_type, manifest_bytes, size, blobs,
                                                children, subject, annotations, pushed_us,
                                                pulled_us)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Tag, name, digest, updated_us)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Blob, digest, size, since_us)

// Keys: "account/region/name", and "account/region/name:item" below it (':' is in no name).
inline constexpr store::Table<Repository> repository_table{"registry_repository"};
inline constexpr store::Table<StoredManifest> manifest_table{"registry_manifest"};
inline constexpr store::Table<Tag> tag_table{"registry_tag"};
inline constexpr store::Table<Blob> blob_table{"registry_blob"};

std::string scope_key(const Scope& scope);
std::string repository_key(const Repository& repository);
std::string item_key(const Repository& repository, std::string_view item);

}  // namespace slipway::registry
