// Pulling from a foreign registry: manifest, then config and layers in parallel. A layer is checked
// against its digest, stored and unpacked while it arrives; a connection that breaks is taken up
// again where it broke.
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/manifest.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

constexpr size_t parallel_downloads = 3;
constexpr int attempts = 3;
// The bytes of one blob, over as many connections as it takes.
class BlobReader {
 public:
  BlobReader(Remote& remote, const image::Descriptor& blob, const Stop& stop,
             std::function<void()> on_retry)
      : remote_(remote), blob_(blob), stop_(stop), on_retry_(std::move(on_retry)) {}

  size_t read(std::span<char> into) {
    for (;;) {
      stop_.throw_if_requested();
      try {
        if (!response_) connect();
        if (const size_t n = response_->read(into)) return took(n);
        if (offset_ == blob_.size) return 0;
        throw unavailable("only {} of {} bytes of {} came", offset_, blob_.size, blob_.digest);
      } catch (const Error& e) {
        response_.reset();
        const bool passing = e.kind() == Kind::unavailable || e.kind() == Kind::timeout;
        if (!passing || ++failures_ == attempts) throw;
        on_retry_();
        if (stop_.wait_for(milliseconds(300) * failures_ * failures_)) throw;
      }
    }
  }
  uint64_t offset() const { return offset_; }

 private:
  size_t took(size_t n) {
    if (offset_ + n > blob_.size)
      throw invalid_argument("the registry sends more than the {} bytes of {}", blob_.size,
                             blob_.digest);
    offset_ += n;
    failures_ = 0;
    return n;
  }

  void connect() {
    auto response = remote_.send(
        [&] {
          net::ClientRequest request;
          request.url = remote_.url("blobs/" + blob_.digest);
          if (offset_ > 0) request.headers.add("Range", fmt::format("bytes={}-", offset_));
          return request;
        },
        stop_);
    const bool rest = response->status() == 206 && offset_ > 0;
    if (rest &&
        !response->headers().get("Content-Range").starts_with(fmt::format("bytes {}-", offset_)))
      throw unavailable("the registry answers another range of {} than asked for", blob_.digest);
    if (!rest && response->status() != 200) throw remote_error(*response, blob_.digest);
    if (!rest) skip(*response);
    response_ = std::move(response);
  }

  // A registry that knows no ranges sends all of it again.
  void skip(net::ClientResponse& response) const {
    std::vector<char> buffer(256 * 1024);
    for (uint64_t left = offset_; left > 0;) {
      const size_t n =
          response.read(std::span(buffer).first(std::min<uint64_t>(left, buffer.size())));
      if (n == 0) throw unavailable("{} ended early", blob_.digest);
      left -= n;
    }
  }

  Remote& remote_;
  const image::Descriptor& blob_;
  const Stop& stop_;
  std::function<void()> on_retry_;
  std::unique_ptr<net::ClientResponse> response_;
  uint64_t offset_ = 0;
  int failures_ = 0;
};

class Puller {
 public:
  Puller(const ClientDeps& deps, const image::Reference& name, const image::Platform& platform,
         const std::optional<Credentials>& credentials, const std::string& mirror,
         const OnProgress& progress, const Stop& stop)
      : deps_(deps),
        name_(name),
        platform_(platform),
        remote_(mirror.empty() ? Remote(deps, name.domain, name.path, credentials, false)
                               : Remote(name.domain, name.path, std::nullopt, false, mirror)),
        progress_(progress),
        stop_(stop) {}

  Pulled run() {
    const auto top =
        fetch_manifest(remote_, name_, name_.digest.empty() ? name_.tag : name_.digest, stop_);
    FetchedManifest chosen = top;
    if (top.parsed.index) {
      const auto* child = top.parsed.for_platform(platform_);
      if (child == nullptr)
        throw not_found("no matching manifest for {} in the manifest list entries of {}",
                        platform_.text(), name_.familiar());
      chosen = fetch_manifest(remote_, name_, child->descriptor.digest, stop_);
      if (chosen.parsed.index)
        throw invalid_argument("{}: an index within an index", name_.familiar());
    }
    if (!chosen.parsed.config)
      throw invalid_argument("{} is not an image: its manifest has no config", name_.familiar());
    download_all(chosen.parsed);
    require_platform(deps_.content, *chosen.parsed.config, name_, platform_);
    const std::string id = deps_.images.add_manifest(chosen.text, chosen.parsed.media_type);
    deps_.images.unpack(deps_.images.get(id), stop_);
    for (const auto& layer : chosen.parsed.layers) report(layer, "Pull complete");
    if (name_.digest.empty()) deps_.images.tag(id, name_);
    deps_.images.tag(id, {name_.domain, name_.path, "", top.digest});
    return {id, top.digest};
  }

 private:
  void download_all(const image::Manifest& manifest) {
    const auto parts = manifest.references();
    for (const auto& layer : manifest.layers) report(layer, "Pulling fs layer");
    in_parallel(parts.size(), parallel_downloads, stop_, [&](size_t i, const Stop& stop) {
      const bool layer = i > 0;
      keep({parts[i].digest});
      if (deps_.content.touch(parts[i].digest)) {
        if (layer) report(parts[i], "Already exists");
        return;
      }
      download(parts[i], layer, stop);
      if (layer) report(parts[i], "Download complete");
    });
  }

  void download(const image::Descriptor& blob, bool layer, const Stop& stop) {
    BlobReader reader(remote_, blob, stop, [&] {
      if (layer) report(blob, "Retrying");
    });
    uint64_t shown = 0;
    const ByteSource source = [&](std::span<char> into) {
      const size_t n = reader.read(into);
      if (layer && (reader.offset() - shown >= (1u << 20) || reader.offset() == blob.size)) {
        shown = reader.offset();
        report(blob, "Downloading", shown);
      }
      return n;
    };
    if (layer) {
      keep({deps_.images.import_layer(source, blob.digest, stop).diff_id});
      return;
    }
    auto ingest = deps_.content.ingest(blob.digest.substr(0, blob.digest.find(':')));
    std::vector<char> buffer(64 * 1024);
    while (const size_t n = source(buffer)) ingest->write(std::string_view(buffer.data(), n));
    ingest->commit(blob.digest);
  }

  // Until the image is registered nothing else refers to its parts.
  void keep(std::vector<image::Digest> digests) {
    pins_.lock()->push_back(deps_.images.pin(std::move(digests)));
  }

  void report(const image::Descriptor& blob, const char* status, uint64_t current = 0) {
    if (!progress_) return;
    const std::lock_guard lock(progress_mutex_);
    progress_({short_id(blob.digest), status, current, current > 0 ? blob.size : 0});
  }

  const ClientDeps& deps_;
  const image::Reference& name_;
  const image::Platform& platform_;
  Remote remote_;
  Sync<std::vector<std::shared_ptr<void>>> pins_;
  const OnProgress& progress_;
  std::mutex progress_mutex_;
  const Stop& stop_;
};

}  // namespace

Pulled remote_pull(const ClientDeps& deps, const image::Reference& name,
                   const image::Platform& platform, const std::optional<Credentials>& credentials,
                   const OnProgress& progress, const Stop& stop) {
  if (name.domain == "docker.io") {
    for (const auto& mirror : deps.mirrors) {
      try {
        return Puller(deps, name, platform, std::nullopt, mirror, progress, stop).run();
      } catch (const Error& e) {
        if (e.kind() == Kind::cancelled) throw;
        log::warning("registry", "{} is not to be had from the mirror {}: {}", name.familiar(),
                     mirror, e.what());
      }
    }
  }
  return Puller(deps, name, platform, credentials, "", progress, stop).run();
}

}  // namespace slipway::registry
