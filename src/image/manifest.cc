// Reads the four kinds of manifest: Docker schema 2 and OCI, each single or list.
#include "image/manifest.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"

namespace slipway::image {

namespace {

constexpr size_t max_descriptors = 10'000;

std::string text_member(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return {};
  return it->get<std::string>();
}

Descriptor parse_descriptor(const Json& json, std::string_view where) {
  if (!json.is_object()) throw invalid_argument("manifest: {} is not an object", where);
  Descriptor out;
  out.media_type = text_member(json, "mediaType");
  out.digest = text_member(json, "digest");
  if (!valid_digest(out.digest))
    throw invalid_argument("manifest: {} has digest \"{}\", not a sha256 or sha512 digest", where,
                           out.digest.substr(0, 160));
  const auto size = json.find("size");
  if (size == json.end() || !size->is_number_unsigned())
    throw invalid_argument("manifest: {} has no valid size", where);
  out.size = size->get<uint64_t>();
  return out;
}

const Json::array_t& list_member(const Json& json, const char* name) {
  static const Json::array_t none;
  const auto it = json.find(name);
  if (it == json.end() || it->is_null()) return none;
  if (!it->is_array()) throw invalid_argument("manifest: {} is not a list", name);
  if (it->size() > max_descriptors)
    throw invalid_argument("manifest: {} has {} entries; at most {} are allowed", name, it->size(),
                           max_descriptors);
  return it->get_ref<const Json::array_t&>();
}

std::string decide_media_type(const Json& json, std::string_view announced) {
  const std::string own = text_member(json, "mediaType");
  if (!announced.empty() && !own.empty() && own != announced)
    throw invalid_argument("manifest: mediaType is {} but it was sent as {}", own, announced);
  if (!own.empty()) return own;
  if (!announced.empty()) return std::string(announced);
  // OCI lets the member be absent; the shape tells.
  return std::string(json.contains("manifests") ? media_oci_index : media_oci_manifest);
}

void parse_children(const Json& json, Manifest& out) {
  if (!json.contains("manifests")) throw invalid_argument("manifest: an index without manifests");
  for (const auto& entry : list_member(json, "manifests")) {
    Child child{parse_descriptor(entry, "manifests[]"), "", "", ""};
    if (const auto platform = entry.find("platform");
        platform != entry.end() && platform->is_object()) {
      child.os = text_member(*platform, "os");
      child.architecture = text_member(*platform, "architecture");
      child.variant = text_member(*platform, "variant");
    }
    out.children.push_back(std::move(child));
  }
}

Manifest from_json(const Json& json, std::string_view media_type) {
  if (!json.is_object()) throw invalid_argument("manifest: not a JSON object");
  const auto version = json.find("schemaVersion");
  if (version == json.end() || !version->is_number_integer() || *version != 2)
    throw invalid_argument("manifest: schemaVersion must be 2");
  Manifest out;
  out.media_type = decide_media_type(json, media_type);
  if (!is_manifest_media_type(out.media_type))
    throw invalid_argument("manifest: media type \"{}\" is not supported",
                           out.media_type.substr(0, 200));
  out.index = out.media_type == media_docker_list || out.media_type == media_oci_index;
  out.artifact_type = text_member(json, "artifactType");
  if (out.index) {
    parse_children(json, out);
  } else {
    const auto config = json.find("config");
    if (config == json.end()) throw invalid_argument("manifest: no config");
    out.config = parse_descriptor(*config, "config");
    for (const auto& layer : list_member(json, "layers"))
      out.layers.push_back(parse_descriptor(layer, "layers[]"));
  }
  if (const auto subject = json.find("subject"); subject != json.end() && !subject->is_null())
    out.subject = parse_descriptor(*subject, "subject");
  if (const auto notes = json.find("annotations"); notes != json.end() && notes->is_object())
    out.annotations = notes->get<std::map<std::string, std::string>>();
  return out;
}

}  // namespace

Manifest Manifest::parse(std::string_view text, std::string_view media_type) {
  if (text.size() > max_manifest_bytes)
    throw invalid_argument("manifest: {} bytes; at most {} are allowed", text.size(),
                           max_manifest_bytes);
  try {
    return from_json(parse_json(text, "manifest"), media_type);
  } catch (const Json::exception& e) {
    throw invalid_argument("manifest: {}", e.what());
  }
}

const Child* Manifest::for_this_machine() const {
  return for_platform(Platform::parse(""));
}

const Child* Manifest::for_platform(const Platform& platform) const {
  for (const auto& child : children)
    if (child.os == platform.os && child.architecture == platform.architecture &&
        (platform.variant.empty() || child.variant == platform.variant))
      return &child;
  return nullptr;
}

Platform Platform::parse(std::string_view text) {
  Platform out{"linux", std::string(machine_architecture()), "", false};
  if (text.empty()) return out;
  out.asked = true;
  auto parts = split(text, '/');
  const bool well_formed =
      parts.size() <= 3 && std::all_of(parts.begin(), parts.end(), [](auto& p) {
        return !p.empty() && p.size() < 64 && only_alnum_and(p, "_.-");
      });
  if (!well_formed)
    throw invalid_argument("\"{}\" is not a platform (os/architecture[/variant])",
                           text.substr(0, 100));
  if (parts.size() > 1 || parts[0] == "linux" || parts[0] == "windows") {
    out.os = to_lower(parts[0]);
    parts.erase(parts.begin());
  }
  if (!parts.empty()) out.architecture = to_lower(parts[0]);
  if (out.architecture == "x86_64" || out.architecture == "x86-64") out.architecture = "amd64";
  if (out.architecture == "aarch64") out.architecture = "arm64";
  if (parts.size() > 1) out.variant = to_lower(parts[1]);
  return out;
}

std::string Platform::text() const {
  std::string out = os + "/" + architecture;
  if (!variant.empty()) out += "/" + variant;
  return out;
}

std::vector<Descriptor> Manifest::references() const {
  std::vector<Descriptor> out;
  if (config) out.push_back(*config);
  out.insert(out.end(), layers.begin(), layers.end());
  for (const auto& child : children) out.push_back(child.descriptor);
  return out;
}

bool is_manifest_media_type(std::string_view media_type) {
  return media_type == media_docker_manifest || media_type == media_docker_list ||
         media_type == media_oci_manifest || media_type == media_oci_index;
}

bool is_foreign_layer(std::string_view media_type) {
  return media_type.find(".foreign.") != std::string_view::npos ||
         media_type.find(".nondistributable.") != std::string_view::npos;
}

std::string_view machine_architecture() {
#if defined(__aarch64__)
  return "arm64";
#elif defined(__x86_64__)
  return "amd64";
#else
#error "name this architecture as Go does"
#endif
}

}  // namespace slipway::image
