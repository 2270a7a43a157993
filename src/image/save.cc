#include "image/save.h"

#include <sys/stat.h>

#include "base/error.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "image/archive_index.h"
#include "image/manifest.h"

namespace slipway::image {

namespace {

Json described(const Descriptor& blob) {
  return {{"mediaType", blob.media_type}, {"digest", blob.digest}, {"size", blob.size}};
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

Json oci_index(const ContentStore& content, const std::vector<SavedImage>& images) {
  Json list = Json::array();
  for (const auto& [image, tags] : images) {
    Json entry = described({image.manifest_media_type, image.manifest_digest,
                            content.size(image.manifest_digest).value_or(0)});
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
    std::set<Digest> blobs;
    for (const auto& [image, tags] : images) {
      blobs.insert({image.id, image.manifest_digest});
      for (const auto& layer : image.layers) blobs.insert(layer.digest);
    }
    directory("blobs/");
    std::string folder;
    for (const auto& digest : blobs) {
      const auto name = member_of_digest(digest);
      if (auto parent = name.substr(0, name.rfind('/') + 1); parent != folder)
        directory(folder = parent);
      blob(name, digest);
    }
    text("index.json", oci_index(content_, images).dump());
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
