#include "image/archive_index.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"
#include "image/manifest.h"

namespace slipway::image {

namespace {

constexpr size_t most_images = 1000, most_archive_layers = 500, most_archive_tags = 1000;

std::string archive_text(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return {};
  if (!it->is_string()) throw invalid_argument("image archive: {} is not a string", name);
  return it->get<std::string>();
}

std::vector<std::string> archive_list(const Json& object, const char* name, size_t most) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return {};
  if (!it->is_array() || it->size() > most)
    throw invalid_argument("image archive: {} is not a list of at most {} entries", name, most);
  std::vector<std::string> out;
  for (const auto& value : *it) {
    if (!value.is_string())
      throw invalid_argument("image archive: {} holds something that is not a string", name);
    out.push_back(value.get<std::string>());
  }
  return out;
}

ArchivedImage archived_image(const Json& entry) {
  if (!entry.is_object())
    throw invalid_argument("image archive: manifest.json holds something that is not an object");
  ArchivedImage out;
  out.config = member_name(archive_text(entry, "Config"));
  if (out.config.empty()) throw invalid_argument("image archive: manifest.json names no Config");
  for (const auto& layer : archive_list(entry, "Layers", most_archive_layers))
    out.layers.push_back(member_name(layer));
  for (const auto& tag : archive_list(entry, "RepoTags", most_archive_tags)) {
    auto name = Reference::parse(tag);
    if (!name.digest.empty()) throw invalid_argument("image archive: the tag {} is a digest", tag);
    out.tags.push_back(std::move(name));
  }
  return out;
}

// Some write the whole name, some only the tag: the latter cannot be used.
std::optional<Reference> annotated_name(const Json& entry) {
  const auto notes = entry.find("annotations");
  if (notes == entry.end() || !notes->is_object()) return std::nullopt;
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const auto text = archive_text(*notes, key);
    if (text.find_first_of(":/") == std::string::npos) continue;
    try {
      if (auto name = Reference::parse(text); name.digest.empty()) return name;
    } catch (const Error&) {  // free text is allowed there
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<ArchivedImage> parse_archive_manifest(std::string_view text) {
  const auto json = parse_json(text, "manifest.json");
  if (!json.is_array() || json.size() > most_images)
    throw invalid_argument("image archive: manifest.json is not a list of at most {} images",
                           most_images);
  std::vector<ArchivedImage> out;
  for (const auto& entry : json) out.push_back(archived_image(entry));
  return out;
}

std::vector<IndexedImage> parse_archive_index(std::string_view text) {
  const auto parsed = Manifest::parse(text, {});
  if (!parsed.index) throw invalid_argument("image archive: index.json is not an image index");
  const auto json = parse_json(text, "index.json");
  const auto& entries = json.at("manifests");
  std::vector<IndexedImage> out;
  for (size_t i = 0; i < parsed.children.size(); ++i)
    out.push_back({parsed.children[i].descriptor, annotated_name(entries.at(i))});
  return out;
}

std::string member_name(std::string_view raw) {
  std::vector<std::string> parts;
  for (auto& part : split(raw, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

std::string linked_member(std::string_view link, std::string_view target) {
  if (target.starts_with('/')) return member_name(target);
  const auto slash = link.rfind('/');
  const auto folder = slash == std::string_view::npos ? "" : link.substr(0, slash + 1);
  return member_name(std::string(folder) + std::string(target));
}

Digest digest_of_member(std::string_view name) {
  constexpr std::string_view blobs = "blobs/";
  if (!name.starts_with(blobs)) return {};
  auto digest = replace_all(std::string(name.substr(blobs.size())), "/", ":");
  return valid_digest(digest) ? digest : Digest();
}

std::string member_of_digest(std::string_view digest) {
  return "blobs/" + replace_all(std::string(digest), ":", "/");
}

}  // namespace slipway::image
