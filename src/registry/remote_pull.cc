// Pulling from a foreign registry: manifest, then config and layers in parallel, each checked
// against its digest while it is written.
#include "base/error.h"
#include "codec/hash.h"
#include "image/manifest.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

constexpr size_t parallel_downloads = 3;
constexpr int attempts = 3;
constexpr const char* accepted[] = {"application/vnd.docker.distribution.manifest.v2+json",
                                    "application/vnd.docker.distribution.manifest.list.v2+json",
                                    "application/vnd.oci.image.manifest.v1+json",
                                    "application/vnd.oci.image.index.v1+json"};

class Puller {
 public:
  Puller(const ClientDeps& deps, const image::Reference& name,
         const std::optional<Credentials>& credentials, const OnProgress& progress,
         const Stop& stop)
      : deps_(deps),
        name_(name),
        remote_(name.domain, name.path, credentials, false),
        progress_(progress),
        stop_(stop) {}

  Pulled run() {
    const auto top = manifest(name_.digest.empty() ? name_.tag : name_.digest);
    Fetched chosen = top;
    if (top.parsed.index) {
      const auto* child = top.parsed.for_this_machine();
      if (child == nullptr)
        throw not_found("no matching manifest for linux/{} in the manifest list entries of {}",
                        image::machine_architecture(), name_.familiar());
      chosen = manifest(child->descriptor.digest);
      if (chosen.parsed.index)
        throw invalid_argument("{}: an index within an index", name_.familiar());
    }
    download_all(chosen.parsed);
    const std::string id = deps_.images.add_manifest(chosen.text, chosen.parsed.media_type);
    deps_.images.unpack(deps_.images.get(id), stop_);
    for (const auto& layer : chosen.parsed.layers) report(layer, "Pull complete");
    if (name_.digest.empty()) deps_.images.tag(id, name_);
    deps_.images.tag(id, {name_.domain, name_.path, "", top.digest});
    return {id, top.digest};
  }

 private:
  struct Fetched {
    std::string text;
    image::Digest digest;
    image::Manifest parsed;
  };

  Fetched manifest(const std::string& reference) {
    const auto response = remote_.send(
        [&] {
          net::ClientRequest request;
          request.url = remote_.url("manifests/" + reference);
          for (const char* type : accepted) request.headers.add("Accept", type);
          return request;
        },
        stop_);
    if (response->status() != 200) throw manifest_error(*response);
    Fetched out;
    out.text = response->read_all(image::max_manifest_bytes);
    const bool by_digest = image::valid_digest(reference);
    Hasher hash(by_digest ? reference.substr(0, reference.find(':')) : "sha256");
    hash.update(out.text);
    out.digest = hash.digest();
    if (by_digest && out.digest != reference)
      throw unavailable("{}: the registry sent a manifest with digest {} for {}", name_.familiar(),
                        out.digest, reference);
    const auto type = response->headers().get("Content-Type");
    out.parsed = image::Manifest::parse(out.text, type.substr(0, type.find(';')));
    return out;
  }

  Error manifest_error(net::ClientResponse& response) const {
    const Error e = remote_error(response, name_.familiar());
    if (e.kind() == Kind::not_found)
      return not_found("manifest for {} not found: {}", name_.familiar(), e.what());
    if (e.kind() == Kind::unauthorized || e.kind() == Kind::forbidden)
      return Error(e.kind(),
                   fmt::format("pull access denied for {}, repository does not exist or may "
                               "require 'docker login': {}",
                               name_.name(), e.what()));
    return e;
  }

  void download_all(const image::Manifest& manifest) {
    const auto parts = manifest.references();
    for (const auto& layer : manifest.layers) report(layer, "Pulling fs layer");
    in_parallel(parts.size(), parallel_downloads, stop_, [&](size_t i, const Stop& stop) {
      const bool layer = i > 0;
      if (deps_.content.touch(parts[i].digest)) {
        if (layer) report(parts[i], "Already exists");
        return;
      }
      download(parts[i], layer, stop);
      if (layer) report(parts[i], "Download complete");
    });
  }

  void download(const image::Descriptor& blob, bool shown, const Stop& stop) {
    for (int attempt = 1;; ++attempt) {
      try {
        return download_once(blob, shown, stop);
      } catch (const Error& e) {
        const bool passing = e.kind() == Kind::unavailable || e.kind() == Kind::timeout;
        if (!passing || attempt == attempts) throw;
        if (shown) report(blob, "Retrying");
        if (stop.wait_for(seconds(attempt))) throw;
      }
    }
  }

  void download_once(const image::Descriptor& blob, bool shown, const Stop& stop) {
    const auto response = remote_.send(
        [&] {
          net::ClientRequest request;
          request.url = remote_.url("blobs/" + blob.digest);
          return request;
        },
        stop);
    if (response->status() != 200) throw remote_error(*response, blob.digest);
    auto ingest = deps_.content.ingest(blob.digest.substr(0, blob.digest.find(':')));
    std::vector<char> buffer(256 * 1024);
    uint64_t shown_at = 0;
    while (const size_t n = response->read(buffer)) {
      stop.throw_if_requested();
      if (ingest->size() + n > blob.size)
        throw invalid_argument("{}: the registry sends more than the {} bytes of {}",
                               name_.familiar(), blob.size, blob.digest);
      ingest->write(std::string_view(buffer.data(), n));
      if (shown && ingest->size() - shown_at >= (1u << 20)) {
        shown_at = ingest->size();
        report(blob, "Downloading", shown_at);
      }
    }
    if (ingest->size() != blob.size)
      throw unavailable("{}: only {} of {} bytes of {} came", name_.familiar(), ingest->size(),
                        blob.size, blob.digest);
    ingest->commit(blob.digest);
  }

  void report(const image::Descriptor& blob, const char* status, uint64_t current = 0) {
    if (!progress_) return;
    const std::lock_guard lock(progress_mutex_);
    progress_({short_id(blob.digest), status, current, current > 0 ? blob.size : 0});
  }

  const ClientDeps& deps_;
  const image::Reference& name_;
  Remote remote_;
  const OnProgress& progress_;
  std::mutex progress_mutex_;
  const Stop& stop_;
};

}  // namespace

Pulled remote_pull(const ClientDeps& deps, const image::Reference& name,
                   const std::optional<Credentials>& credentials, const OnProgress& progress,
                   const Stop& stop) {
  return Puller(deps, name, credentials, progress, stop).run();
}

}  // namespace slipway::registry
