// What repositories hold: manifests, tags, the blobs they may use. Functions on one transaction,
// for the registry's HTTP side, the ECR API and the engine's own push and pull alike. A
// repository's name is unique in its Scope. Bytes are in the content store; rows here say who may
// see them.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/image.h"
#include "image/manifest.h"
#include "store/store.h"

namespace slipway::registry {

// One private registry, as AWS counts them: an account in a region.
struct Scope {
  std::string account, region;
  std::string domain() const;  // 123456789012.dkr.ecr.us-east-1.amazonaws.com
  bool operator==(const Scope&) const = default;
};
// The scope that a local domain names; nullopt when it is none (see local_domain).
std::optional<Scope> parse_domain(std::string_view domain);

enum class Code {
  repository_unknown,
  repository_exists,
  repository_not_empty,
  name_invalid,
  manifest_unknown,
  manifest_invalid,
  manifest_blob_unknown,   // a layer or config is not in the repository
  manifest_child_unknown,  // a manifest that an index names is not
  manifest_referenced,     // cannot go: an index needs it
  blob_unknown,
  blob_referenced,  // cannot go: a manifest needs it
  upload_unknown,
  upload_invalid,
  range_invalid,
  digest_invalid,
  tag_invalid,
  tag_immutable,
  unauthorized,
  denied,
  unsupported,
};

// A refusal by the registry, with AWS's words; each edge maps the code once.
class RegistryError : public Error {
 public:
  RegistryError(Code code, Kind kind, const std::string& message, std::string detail = {})
      : Error(kind, message), code_(code), detail_(std::move(detail)) {}
  Code code() const noexcept { return code_; }
  const std::string& detail() const noexcept { return detail_; }  // a digest or a name, or empty

 private:
  Code code_;
  std::string detail_;
};

struct Repository {
  Scope scope;
  std::string name;
  int64_t created_us = 0;
  std::string mutability = "MUTABLE";   // IMMUTABLE, and both with _WITH_EXCLUSION
  std::vector<std::string> exclusions;  // wildcards on tags that invert it
  bool scan_on_push = false;
  std::string encryption = "AES256", kms_key;
  std::string policy, lifecycle_policy;  // JSON texts, empty: none
  std::vector<std::pair<std::string, std::string>> tags;

  std::string arn() const;  // arn:aws:ecr:R:A:repository/N
  std::string uri() const;  // domain/N
  bool immutable(std::string_view tag) const;
};
using RepositoryPtr = std::shared_ptr<const Repository>;

// A stored manifest: everything about it but its bytes.
struct StoredManifest {
  image::Digest digest;
  std::string media_type, artifact_type, config_media_type;
  uint64_t manifest_bytes = 0;
  uint64_t size = 0;                 // compressed: config + layers; an index: its largest child
  std::vector<image::Digest> blobs;  // config and layers
  std::vector<image::Digest> children;
  std::string subject;                    // digest, or empty
  std::string annotations;                // JSON object text, or empty
  std::vector<image::Descriptor> needed;  // not stored: blobs that must be in the repository
  int64_t pushed_us = 0, pulled_us = 0;
};
using ManifestPtr = std::shared_ptr<const StoredManifest>;

struct Tag {
  std::string name;
  image::Digest digest;
  int64_t updated_us = 0;
};

struct Blob {
  image::Digest digest;
  uint64_t size = 0;
  int64_t since_us = 0;  // when last uploaded, mounted or let go by a manifest
};

// --- repositories ---
bool valid_repository_name(std::string_view name);  // ECR's rules: 2-256 characters
RepositoryPtr find_repository(const store::Reader& db, const Scope& scope, std::string_view name);
// Throws RegistryError repository_unknown in AWS's words.
RepositoryPtr get_repository(const store::Reader& db, const Scope& scope, std::string_view name);
// By name, after the given one; limit 0: all.
std::vector<RepositoryPtr> list_repositories(const store::Reader& db, const Scope& scope,
                                             std::string_view after = {}, size_t limit = 0);
// Throws repository_exists, name_invalid.
void create_repository(store::Writer& db, const Repository& repository);
void update_repository(store::Writer& db, const Repository& repository);
// Throws repository_not_empty unless force.
void delete_repository(store::Writer& db, const Repository& repository, bool force);

// --- manifests and tags ---
// What put_manifest needs, computed outside the transaction. Throws manifest_invalid. algorithm: of
// the digest it will be known by.
StoredManifest describe_manifest(std::string_view text, std::string_view media_type,
                                 std::string_view algorithm = "sha256");
// Registers a manifest (its bytes are in the content store) and, when tag is not empty, tags it.
// Throws manifest_blob_unknown, manifest_child_unknown, tag_invalid, tag_immutable. Doing it again
// changes nothing.
void put_manifest(store::Writer& db, const Repository& repository, StoredManifest manifest,
                  std::string_view tag, TimePoint now);
// reference: a tag or a digest. nullptr when unknown.
ManifestPtr find_manifest(const store::Reader& db, const Repository& repository,
                          std::string_view reference);
std::vector<ManifestPtr> list_manifests(const store::Reader& db, const Repository& repository);
std::vector<Tag> list_tags(const store::Reader& db, const Repository& repository,
                           std::string_view after = {}, size_t limit = 0);
std::optional<Tag> find_tag(const store::Reader& db, const Repository& repository,
                            std::string_view tag);
bool erase_tag(store::Writer& db, const Repository& repository, std::string_view tag);
// With its tags. Blobs that no manifest of the repository needs any more are let go by sweep()
// later. Throws manifest_referenced. False when absent.
bool erase_manifest(store::Writer& db, const Repository& repository, std::string_view digest,
                    TimePoint now);
void note_pull(store::Writer& db, const Repository& repository, std::string_view digest,
               TimePoint now);

// --- blobs ---
std::optional<Blob> find_blob(const store::Reader& db, const Repository& repository,
                              std::string_view digest);
// The blob is in the content store and now belongs to the repository too. Renews its grace.
void add_blob(store::Writer& db, const Repository& repository, std::string_view digest,
              uint64_t size, TimePoint now);
bool blob_referenced(const store::Reader& db, const Repository& repository,
                     std::string_view digest);
bool erase_blob(store::Writer& db, const Repository& repository, std::string_view digest);

// --- for the garbage collector ---
// Every digest that some repository holds: blobs and manifests.
std::set<image::Digest> digests_in_use(const store::Reader& db);
// Lets go of blobs that no manifest needs and nobody renewed for the time. Returns how many.
size_t sweep_blobs(store::Writer& db, TimePoint now, microseconds grace = seconds(24 * 3600));

}  // namespace slipway::registry
