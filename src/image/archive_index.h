// What an image archive (docker save, skopeo, podman, OCI layouts in a tar) says about itself:
// manifest.json and index.json, parsed and checked for shape. Pure; the bytes are hostile.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace slipway::image {

// One entry of Docker's manifest.json. Paths are names of members of the archive.
struct ArchivedImage {
  std::string config;
  std::vector<std::string> layers;  // bottom first
  std::vector<Reference> tags;
};
// Throws Error(invalid_argument) saying what is wrong.
std::vector<ArchivedImage> parse_archive_manifest(std::string_view json);

// One entry of an OCI layout's index.json.
struct IndexedImage {
  Descriptor manifest;
  std::optional<Reference> name;  // of its annotations, when they hold a whole name
};
std::vector<IndexedImage> parse_archive_index(std::string_view json);

// "./a//b" -> "a/b"; ".." is followed as far as it goes. Only ever a key, never a path of ours.
std::string member_name(std::string_view raw);
// The member that a link in the archive means.
std::string linked_member(std::string_view link, std::string_view target);
// "blobs/sha256/<hex>" -> "sha256:<hex>"; empty for any other name.
Digest digest_of_member(std::string_view name);
std::string member_of_digest(std::string_view digest);

}  // namespace slipway::image
