#include "image/save.h"

#include <sys/stat.h>

#include "base/error.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "image/archive_index.h"
#include "image/manifest.h"

namespace slipway::image {

namespace {

Json described(const Descriptor& blob) {
  return {{"mediaType", blob.media_type}, {"digest", blob.digest}, {"size", blob.size}};
}

std::string oci_type(const std::string& type) {
  if (type == media_docker_manifest) return std::string(media_oci_manifest);
  if (type == media_docker_config) return "application/vnd.oci.image.config.v1+json";
  if (type == media_docker_layer) return "application/vnd.oci.image.layer.v1.tar+gzip";
  return type;
}

// The manifest that the archive's index shows: readers of OCI layouts know no other kind.
struct ShownManifest {
  Descriptor descriptor;
  std::string text;
};

ShownManifest shown_manifest(const ContentStore& content, const Image& image) {
  ShownManifest out{{image.manifest_media_type, image.manifest_digest, 0},
                    content.read(image.manifest_digest, max_manifest_bytes)};
  if (image.manifest_media_type == media_docker_manifest) {
    auto json = parse_json(out.text, "manifest");
    json["mediaType"] = media_oci_manifest;
    const auto convert = [](Json& part) {
      part["mediaType"] = oci_type(part.value("mediaType", std::string()));
    };
    convert(json.at("config"));
    for (auto& layer : json.at("layers")) convert(layer);
    out.text = json.dump();
    out.descriptor = {std::string(media_oci_manifest), sha256_digest(out.text), 0};
  }
  out.descriptor.size = out.text.size();
  return out;
}

// manifest.json: what every docker load, podman and skopeo read.
Json docker_manifest(const std::vector<SavedImage>& images) {
  Json out = Json::array();
  for (const auto& [image, tags] : images) {
    Json layers = Json::array(), sources = Json::object(), names = Json::array();
    for (size_t i = 0; i < image.layers.size(); ++i) {
      layers.push_back(member_of_digest(image.layers[i].digest));
      sources[image.config.diff_ids.at(i)] = described(image.layers[i]);
    }
    for (const auto& tag : tags) names.push_back(tag.familiar());
    out.push_back({{"Config", member_of_digest(image.id)},
                   {"RepoTags", tags.empty() ? Json(nullptr) : names},
                   {"Layers", layers},
                   {"LayerSources", sources}});
  }
  return out;
}

// repositories: for the oldest readers.
Json old_repositories(const std::vector<SavedImage>& images) {
  Json out = Json::object();
  for (const auto& [image, tags] : images)
    for (const auto& tag : tags) {
      const auto name = tag.familiar();
      const auto& top = image.config.diff_ids.empty() ? image.id : image.config.diff_ids.back();
      out[name.substr(0, name.rfind(':'))][tag.tag] = top.substr(top.find(':') + 1);
    }
  return out;
}

Json oci_index(const std::vector<ShownManifest>& manifests, const std::vector<SavedImage>& images) {
  Json list = Json::array();
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& [image, tags] = images[i];
    Json entry = described(manifests[i].descriptor);
    entry["platform"] = {{"architecture", image.config.architecture}, {"os", image.config.os}};
    for (const auto& tag : tags) {
      entry["annotations"] = {{"io.containerd.image.name", tag.full()},
                              {"org.opencontainers.image.ref.name", tag.tag}};
      list.push_back(entry);
    }
    if (tags.empty()) list.push_back(entry);
  }
  return {{"schemaVersion", 2}, {"mediaType", media_oci_index}, {"manifests", list}};
}

class Saver {
 public:
  Saver(const ContentStore& content, const ByteSink& sink, const Stop& stop)
      : content_(content), stop_(stop), tar_(sink), buffer_(1u << 20) {}

  void run(const std::vector<SavedImage>& images) {
    std::map<Digest, std::string> blobs;  // with its text, or empty: as it is in the store
    std::vector<ShownManifest> manifests;
    for (const auto& [image, tags] : images) {
      for (const auto& digest : {image.id, image.manifest_digest}) blobs.try_emplace(digest);
      for (const auto& layer : image.layers) blobs.try_emplace(layer.digest);
      manifests.push_back(shown_manifest(content_, image));
      blobs[manifests.back().descriptor.digest] = manifests.back().text;
    }
    directory("blobs/");
    std::string folder;
    for (const auto& [digest, bytes] : blobs) {
      const auto name = member_of_digest(digest);
      if (auto parent = name.substr(0, name.rfind('/') + 1); parent != folder)
        directory(folder = parent);
      bytes.empty() ? blob(name, digest) : text(name, bytes);
    }
    text("index.json", oci_index(manifests, images).dump());
    text("manifest.json", docker_manifest(images).dump());
    text("oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
    text("repositories", old_repositories(images).dump());
    tar_.finish();
  }

 private:
  void directory(const std::string& name) {
    TarEntry entry;
    entry.name = name;
    entry.type = TarType::directory;
    entry.mode = 0755;
    tar_.add(entry);
  }

  void text(const std::string& name, const std::string& bytes) {
    TarEntry entry;
    entry.name = name;
    entry.size = bytes.size();
    tar_.add(entry);
    tar_.write(bytes);
  }

  void blob(const std::string& name, const Digest& digest) {
    const Fd file = content_.open(digest);
    struct stat info {};
    check(::fstat(file.get(), &info), "stat blob {}", digest);
    TarEntry entry;
    entry.name = name;
    entry.size = static_cast<uint64_t>(info.st_size);
    tar_.add(entry);
    for (uint64_t left = entry.size; left > 0;) {
      stop_.throw_if_requested();
      const size_t n = read_some(file.get(), buffer_);
      if (n == 0) throw internal("blob {} is shorter than its file says", digest);
      tar_.write(std::string_view(buffer_.data(), n));
      left -= n;
    }
  }

  const ContentStore& content_;
  const Stop& stop_;
  TarWriter tar_;
  std::vector<char> buffer_;
};

}  // namespace

void save_archive(const ContentStore& content, const std::vector<SavedImage>& images,
                  const ByteSink& sink, const Stop& stop) {
  Saver(content, sink, stop).run(images);
}

}  // namespace slipway::image
