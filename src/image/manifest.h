// Image manifests and indexes as documents: parsed and checked for shape, never rewritten (their
// digest is that of their bytes). Whether the blobs exist is the caller's question.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace slipway::image {

inline constexpr std::string_view media_docker_manifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view media_docker_list =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view media_oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view media_oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view media_docker_config =
    "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view media_docker_layer =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
// What ECR and Docker Hub accept, and more than any real image needs.
inline constexpr size_t max_manifest_bytes = 4u << 20;
inline constexpr size_t max_config_bytes = 8u << 20;

// "linux/arm64/v8", "arm64": as people write it. Empty parts mean any.
struct Platform {
  std::string os, architecture, variant;
  bool asked = false;  // somebody named it
  // Throws Error(invalid_argument). Empty text: this machine.
  static Platform parse(std::string_view text);
  std::string text() const;
};

struct Child {
  Descriptor descriptor;
  std::string os, architecture, variant;
};

struct Manifest {
  std::string media_type;
  std::string artifact_type;
  bool index = false;
  std::optional<Descriptor> config;  // manifest
  std::vector<Descriptor> layers;    // manifest
  std::vector<Child> children;       // index
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;

  // media_type: the Content-Type it came with; empty: the document says. Throws
  // Error(invalid_argument) when it is none of the four kinds, malformed, or contradicts itself.
  static Manifest parse(std::string_view text, std::string_view media_type = {});
  // The child for linux on this machine's architecture; nullptr when there is none.
  const Child* for_this_machine() const;
  const Child* for_platform(const Platform& platform) const;
  // config and layers, or children.
  std::vector<Descriptor> references() const;
};

bool is_manifest_media_type(std::string_view media_type);
// Layers that may live elsewhere ("foreign", "nondistributable").
bool is_foreign_layer(std::string_view media_type);
// "amd64" as Go names it.
std::string_view machine_architecture();

}  // namespace slipway::image
