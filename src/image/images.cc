// Image names: which tags and digests mean which image, and what an image consists of.
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/sync.h"
#include "codec/compress.h"
#include "codec/json.h"
#include "image/image.h"
#include "image/layers.h"
#include "image/manifest.h"
#include "image/rows.h"

namespace slipway::image {

namespace {

// The parts of an image that never change: read and parsed once.
struct Loaded {
  Config config;
  std::string config_json;
  std::vector<Descriptor> layers;
};

std::optional<Reference> try_reference(std::string_view text) {
  try {
    return Reference::parse(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

TimePoint created_of(const Config& config) {
  try {
    return config.created.empty() ? TimePoint{} : parse_rfc3339(config.created);
  } catch (const Error&) {
    return TimePoint{};  // foreign builders write odd times; the image is fine
  }
}

std::string oci_layer_type(std::string_view type) {
  if (compression_of_media_type(type) == Compression::zstd)
    return "application/vnd.oci.image.layer.v1.tar+zstd";
  if (compression_of_media_type(type) == Compression::gzip)
    return "application/vnd.oci.image.layer.v1.tar+gzip";
  return "application/vnd.oci.image.layer.v1.tar";
}

Json descriptor_json(std::string_view type, std::string_view digest, uint64_t size) {
  return {{"mediaType", type}, {"digest", digest}, {"size", size}};
}

}  // namespace

struct Images::Impl {
  store::Store& store;
  ContentStore& content;
  Layers layers;
  mutable Sync<std::unordered_map<Digest, std::shared_ptr<const Loaded>>> loaded;  // by manifest
  std::shared_ptr<Pins> pins = std::make_shared<Pins>();

  std::shared_ptr<const Loaded> load(const ManifestRef& ref) const {
    if (auto known = loaded.lock(); known->contains(ref.digest)) return known->at(ref.digest);
    auto made = std::make_shared<Loaded>();
    const auto manifest =
        Manifest::parse(content.read(ref.digest, max_manifest_bytes), ref.media_type);
    if (manifest.index || !manifest.config)
      throw invalid_argument("{} is an index of several images, not an image", ref.digest);
    made->layers = manifest.layers;
    made->config_json = content.read(manifest.config->digest, max_config_bytes);
    made->config = Config::parse(made->config_json);
    if (made->config.diff_ids.size() != made->layers.size())
      throw invalid_argument("image {}: {} layers but {} diff ids", manifest.config->digest,
                             made->layers.size(), made->config.diff_ids.size());
    return loaded.lock()->try_emplace(ref.digest, std::move(made)).first->second;
  }

  Image build(const std::string& id, const ImageRow& row, const ManifestRef& ref) const {
    const auto parts = load(ref);
    Image out;
    out.id = id;
    out.manifest_digest = ref.digest;
    out.manifest_media_type = ref.media_type;
    out.config = parts->config;
    out.config_json = parts->config_json;
    out.layers = parts->layers;
    for (size_t i = 0; i < out.layers.size(); ++i)
      out.size += layers.size(out.config.diff_ids[i]).value_or(out.layers[i].size);
    out.tags = row.tags;
    out.digests = row.digests;
    out.created = created_of(out.config);
    return out;
  }
};

Images::Images(std::string root, store::Store& store, ContentStore& content)
    : impl_(new Impl{
          store, content, Layers(std::move(root), store, content), {}, std::make_shared<Pins>()}) {}

Images::~Images() {
  try {
    impl_->layers.settle();
  } catch (const std::exception& e) {
    log::warning("image", "unpacked layers are not settled: {}", e.what());
  }
}

std::optional<Image> Images::find(std::string_view name_or_id) const {
  std::optional<Match> match;
  impl_->store.read([&](const store::Reader& db) { match = match_image(db, name_or_id); });
  if (!match) return std::nullopt;
  return impl_->build(match->id, match->row, match->manifest);
}

Image Images::get(std::string_view name_or_id) const {
  if (auto found = find(name_or_id)) return *found;
  const auto name = try_reference(name_or_id);
  throw not_found("No such image: {}", name ? name->familiar() : std::string(name_or_id));
}

std::vector<Image> Images::list() const {
  std::vector<std::pair<std::string, std::shared_ptr<const ImageRow>>> rows;
  impl_->store.read([&](const store::Reader& db) {
    for (auto& row : image_table.scan(db)) rows.emplace_back(row->id, row);
  });
  std::vector<Image> out;
  for (const auto& [id, row] : rows) {
    try {
      out.push_back(impl_->build(id, *row, row->manifests.back()));
    } catch (const Error& e) {
      log::error("image", "image {} cannot be shown: {}", id, e.what());
    }
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.created > b.created; });
  return out;
}

std::string Images::add_manifest(std::string_view text, std::string_view media_type) {
  const auto manifest = Manifest::parse(text, media_type);
  if (manifest.index)
    throw invalid_argument("an index of several images cannot be registered as one image");
  for (const auto& part : manifest.references())
    if (!impl_->content.touch(part.digest))
      throw not_found("manifest: blob {} is not in the content store", part.digest);
  const ManifestRef ref{impl_->content.put(text), manifest.media_type};
  impl_->load(ref);  // says what is wrong with the config before anything is registered
  const std::string id = manifest.config->digest;
  impl_->store.write([&](store::Writer& db) {
    const auto known = image_table.get(db, id);
    ImageRow row = known ? *known : ImageRow{id, {}, {}, {}};
    std::erase_if(row.manifests, [&](const ManifestRef& m) { return m.digest == ref.digest; });
    row.manifests.push_back(ref);
    image_table.put(db, id, row);
  });
  return id;
}

Image Images::create(const Config& config, const std::vector<Descriptor>& layers) {
  return assemble(config.to_json(), layers);
}

Image Images::assemble(const std::string& config_text, const std::vector<Descriptor>& layers) {
  const Digest config_digest = impl_->content.put(config_text);
  // Docker's schema has no zstd layers; such a base makes an OCI image.
  const bool oci = std::any_of(layers.begin(), layers.end(), [](const Descriptor& layer) {
    return compression_of_media_type(layer.media_type) != Compression::gzip;
  });
  Json list = Json::array();
  for (const auto& layer : layers)
    list.push_back(
        descriptor_json(oci ? oci_layer_type(layer.media_type) : std::string(media_docker_layer),
                        layer.digest, layer.size));
  const std::string_view type = oci ? media_oci_manifest : media_docker_manifest;
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", type},
                         {"config", descriptor_json(oci ? "application/vnd.oci.image.config.v1+json"
                                                        : std::string(media_docker_config),
                                                    config_digest, config_text.size())},
                         {"layers", list}};
  return get(add_manifest(manifest.dump(), type));
}

void Images::tag(std::string_view image_id, const Reference& name) {
  impl_->store.write([&](store::Writer& db) { tag_image(db, image_id, name); });
}

std::vector<std::string> Images::unpack(const Image& image, const Stop& stop) {
  std::vector<std::string> out;
  for (size_t i = image.layers.size(); i-- > 0;)
    out.push_back(impl_->layers.ensure(image.layers[i], image.config.diff_ids.at(i), stop));
  return out;
}

Images::Layer Images::commit_layer(const std::vector<Digest>& /*parents: a layer stands alone*/,
                                   const std::string& upper_dir, const Stop& stop,
                                   const LayerOptions& options) {
  return impl_->layers.commit(upper_dir, stop, options);
}

Images::Layer Images::copy_layer(const std::string& directory, const Stop& stop) {
  return impl_->layers.copy(directory, stop);
}

Images::Layer Images::import_layer(const ByteSource& source, std::string_view expected,
                                   const Stop& stop) {
  return impl_->layers.import(source, expected, stop);
}

std::optional<uint64_t> Images::layer_size(const Digest& diff_id) const {
  return impl_->layers.size(diff_id);
}

ContentStore& Images::content() const {
  return impl_->content;
}

std::shared_ptr<void> Images::pin(std::vector<Digest> digests) {
  return Pins::pin(impl_->pins, std::move(digests));
}

std::vector<Images::Removed> Images::remove(
    std::string_view name_or_id, bool force,
    const std::function<std::optional<std::string>(const std::string& id)>& in_use) {
  return remove_image(impl_->store, name_or_id, force, in_use);
}

uint64_t Images::collect_garbage(const std::function<bool(const Digest&)>& in_use,
                                 microseconds grace) {
  std::set<Digest> live = impl_->pins->list();
  std::vector<ManifestRef> manifests;
  impl_->store.read([&](const store::Reader& db) {
    for (const auto& row : image_table.scan(db))
      manifests.insert(manifests.end(), row->manifests.begin(), row->manifests.end());
  });
  for (const auto& ref : manifests) {
    const auto parts = impl_->load(ref);
    live.insert(ref.digest);
    live.insert(Manifest::parse(impl_->content.read(ref.digest), ref.media_type).config->digest);
    for (const auto& layer : parts->layers) live.insert(layer.digest);
    live.insert(parts->config.diff_ids.begin(), parts->config.diff_ids.end());
  }
  uint64_t freed = 0;
  for (const auto& blob : impl_->content.list())
    if (!live.contains(blob.digest) && !in_use(blob.digest) &&
        impl_->content.remove_if_idle(blob.digest, grace))
      freed += blob.size;
  for (const auto& id : impl_->layers.list()) {
    const auto size = impl_->layers.size(id).value_or(0);
    if (!live.contains(id) && !in_use(id) && impl_->layers.remove_if_idle(id, grace)) freed += size;
  }
  impl_->layers.keep_sizes(live);
  impl_->layers.settle();
  return freed;
}

}  // namespace slipway::image
