#include "image/load.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/archive_index.h"
#include "image/manifest.h"
#include "image/member_data.h"

namespace slipway::image {

namespace {

constexpr size_t most_members = 200'000;
constexpr size_t most_text = 64u << 20;  // of all JSON members together

class Loader {
 public:
  Loader(Images& images, const Platform& platform, const LoadEvents& events, const Stop& stop)
      : images_(images), platform_(platform), events_(events), stop_(stop) {}

  std::vector<LoadedImage> run(const ByteSource& source) {
    const ByteSource plain = make_decompressor(source);
    {
      TarReader tar(plain);
      TarEntry entry;
      for (size_t count = 0; tar.next(entry); ++count) {
        stop_.throw_if_requested();
        if (count >= most_members)
          throw too_large("image archive: more than {} members", most_members);
        take(tar, entry);
      }
    }
    std::vector<char> rest(64 * 1024);  // padding that a client is still sending
    while (plain(rest) != 0) stop_.throw_if_requested();
    if (texts_.contains("manifest.json")) {
      register_docker();
    } else if (texts_.contains("index.json")) {
      register_oci();
    } else {
      throw invalid_argument(
          "this is not an image archive: it holds neither manifest.json (docker save) nor "
          "index.json (OCI layout); a root file system's archive is for docker import");
    }
    return std::move(loaded_);
  }

 private:
  struct Blob {
    Descriptor descriptor;
    Digest diff_id;  // empty: the blob was here before, and was not looked into
  };

  void take(TarReader& tar, const TarEntry& entry) {
    const std::string name = member_name(entry.name);
    if (name.empty() || name.size() > 1024) return;
    if (entry.type == TarType::symlink || entry.type == TarType::hardlink) {
      links_[name] = entry.type == TarType::hardlink ? member_name(entry.link_target)
                                                     : linked_member(name, entry.link_target);
      return;
    }
    if (entry.type != TarType::file) return;
    MemberData data(tar, entry);
    if (data.looks_like_layer(name)) {
      take_layer(name, data);
    } else {
      take_text(name, data);
    }
  }

  void take_text(const std::string& name, MemberData& data) {
    text_bytes_ += data.size();
    if (data.size() > max_config_bytes || text_bytes_ > most_text)
      throw too_large("image archive: {} is too large", name);
    std::string text(data.size(), '\0');
    size_t have = 0;
    while (have < text.size()) {
      const size_t n = data.read(std::span(text).subspan(have));
      if (n == 0) throw invalid_argument("image archive: {} is truncated", name);
      have += n;
    }
    if (const auto digest = digest_of_member(name); !digest.empty()) {
      Hasher hash(digest.substr(0, digest.find(':')));
      hash.update(text);
      if (hash.digest() != digest)
        throw invalid_argument("image archive: {} has another digest than its name says", name);
    }
    texts_[name] = std::move(text);
  }

  void take_layer(const std::string& name, MemberData& data) {
    const auto digest = digest_of_member(name);
    if (!digest.empty() && images_.content().touch(digest)) {
      pins_.push_back(images_.pin({digest}));
      layers_[name] = {{"", digest, data.size()}, ""};
      return;  // the reader skips what is left of it
    }
    uint64_t done = 0;
    const ByteSource source = [&](std::span<char> into) {
      const size_t n = data.read(into);
      done += n;
      if (events_.layer) events_.layer(name, done, data.size());
      return n;
    };
    try {
      const auto layer = images_.import_layer(source, digest, stop_);
      pins_.push_back(images_.pin({layer.descriptor.digest, layer.diff_id}));
      layers_[name] = {layer.descriptor, layer.diff_id};
    } catch (const Error& e) {
      if (e.kind() != Kind::invalid_argument) throw;
      throw invalid_argument("image archive: {}: {}", name, e.what());
    }
  }

  std::string followed(std::string name) const {
    for (int hops = 0; hops < 10; ++hops) {
      const auto link = links_.find(name);
      if (link == links_.end()) break;
      name = link->second;
    }
    return name;
  }

  const std::string& text(const std::string& name) const {
    const auto found = texts_.find(followed(name));
    if (found == texts_.end())
      throw invalid_argument("image archive: {} is named in it, but not there", name);
    return found->second;
  }

  // --- Docker's manifest.json ---

  // These archives hold an image for one platform each.
  void check_platform(const std::string& config_text) const {
    if (!platform_.asked) return;
    const auto config = Config::parse(config_text);
    if (config.os != platform_.os || config.architecture != platform_.architecture)
      throw not_found("image archive: no image for {}, but one for {}/{}", platform_.text(),
                      config.os, config.architecture);
  }

  void register_docker() {
    index_manifests();
    for (const auto& entry : parse_archive_manifest(texts_.at("manifest.json"))) {
      const std::string& config = text(entry.config);
      check_platform(config);
      const auto exact = manifests_.find(sha256_digest(config));
      const std::string id = exact != manifests_.end()
                                 ? add(exact->second.first, exact->second.second)
                                 : assemble(entry, config);
      finish(id, entry.tags);
    }
  }

  // The manifests that an archive holds beside manifest.json, by their config: what was pushed or
  // pulled under a digest keeps it. Docker's kind counts more: the other may be a translation.
  void index_manifests() {
    for (const auto& [name, text] : texts_) {
      if (digest_of_member(name).empty() || text.find("schemaVersion") == std::string::npos)
        continue;
      Manifest manifest;
      try {
        manifest = Manifest::parse(text, {});
      } catch (const Error&) {  // some other document
        continue;
      }
      if (manifest.index || !manifest.config || !has_all(manifest)) continue;
      const bool docker = manifest.media_type == media_docker_manifest;
      if (docker || !manifests_.contains(manifest.config->digest))
        manifests_[manifest.config->digest] = {text, manifest.media_type};
    }
  }

  bool has_all(const Manifest& manifest) const {
    return std::all_of(
        manifest.layers.begin(), manifest.layers.end(),
        [&](const Descriptor& layer) { return images_.content().has(layer.digest); });
  }

  std::string assemble(const ArchivedImage& entry, const std::string& text) {
    const auto config = Config::parse(text);
    if (config.diff_ids.size() != entry.layers.size())
      throw invalid_argument("image archive: {} has {} layers, but its configuration {}",
                             entry.config, entry.layers.size(), config.diff_ids.size());
    std::vector<Descriptor> layers;
    for (size_t i = 0; i < entry.layers.size(); ++i) {
      const auto found = layers_.find(followed(entry.layers[i]));
      if (found == layers_.end())
        throw invalid_argument("image archive: the layer {} is named in it, but not there",
                               entry.layers[i]);
      const auto& blob = found->second;
      if (!blob.diff_id.empty() && blob.diff_id != config.diff_ids[i])
        throw invalid_argument("invalid diffID for layer {}: expected \"{}\", got \"{}\"", i,
                               config.diff_ids[i], blob.diff_id);
      layers.push_back(with_media_type(blob.descriptor));
    }
    return images_.assemble(text, layers).id;
  }

  // Of a blob that was here before only the bytes tell.
  Descriptor with_media_type(Descriptor layer) const {
    if (!layer.media_type.empty()) return layer;
    char first[6] = {};
    const Fd blob = images_.content().open(layer.digest);
    const size_t n = read_some(blob.get(), first);
    const auto kind = detect_compression({first, n});
    layer.media_type = kind == Compression::gzip   ? std::string(media_docker_layer)
                       : kind == Compression::zstd ? "application/vnd.oci.image.layer.v1.tar+zstd"
                                                   : "application/vnd.oci.image.layer.v1.tar";
    return layer;
  }

  // --- OCI's index.json ---

  void register_oci() {
    for (const auto& entry : parse_archive_index(texts_.at("index.json"))) {
      const auto* chosen = &text(member_of_digest(entry.manifest.digest));
      auto manifest = Manifest::parse(*chosen, entry.manifest.media_type);
      if (manifest.index) {
        const auto* child = manifest.for_platform(platform_);
        if (child == nullptr)
          throw not_found("image archive: no image for {} in {}", platform_.text(),
                          entry.manifest.digest);
        chosen = &text(member_of_digest(child->descriptor.digest));
        manifest = Manifest::parse(*chosen, child->descriptor.media_type);
      } else if (manifest.config) {
        check_platform(text(member_of_digest(manifest.config->digest)));
      }
      finish(add(*chosen, manifest.media_type),
             entry.name ? std::vector{*entry.name} : std::vector<Reference>{});
    }
  }

  std::string add(const std::string& manifest_text, const std::string& media_type) {
    const auto manifest = Manifest::parse(manifest_text, media_type);
    if (!manifest.config) throw invalid_argument("image archive: a manifest without a config");
    images_.content().put(text(member_of_digest(manifest.config->digest)));
    return images_.add_manifest(manifest_text, media_type);
  }

  void finish(const std::string& id, const std::vector<Reference>& tags) {
    for (const auto& tag : tags) {
      const auto before = images_.find(tag.full());
      if (before && before->id != id && events_.renamed) events_.renamed(tag, before->id);
      images_.tag(id, tag);
    }
    loaded_.push_back({id, tags});
  }

  Images& images_;
  const Platform& platform_;
  const LoadEvents& events_;
  const Stop& stop_;
  std::map<std::string, std::string> texts_, links_;
  std::map<std::string, Blob> layers_;
  std::map<Digest, std::pair<std::string, std::string>> manifests_;  // by config: text, type
  std::vector<std::shared_ptr<void>> pins_;
  std::vector<LoadedImage> loaded_;
  size_t text_bytes_ = 0;
};

}  // namespace

std::vector<LoadedImage> load_archive(Images& images, const ByteSource& source,
                                      const Platform& platform, const LoadEvents& events,
                                      const Stop& stop) {
  return Loader(images, platform, events, stop).run(source);
}

}  // namespace slipway::image
