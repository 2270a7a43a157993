// Pushing to a foreign registry: blobs it lacks, then the manifest, byte for byte.
#include <mutex>

#include "base/error.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

constexpr size_t parallel_uploads = 3;

class Pusher {
 public:
  Pusher(const ClientDeps& deps, const image::Reference& name,
         const std::optional<Credentials>& credentials, const OnProgress& progress,
         const Stop& stop)
      : deps_(deps),
        name_(name),
        remote_(deps, name.domain, name.path, credentials, true),
        progress_(progress),
        stop_(stop) {}

  image::Digest run() {
    const auto image = deps_.images.find(name_.full());
    if (!image) throw not_found("An image does not exist locally with the tag: {}", name_.name());
    const auto text = deps_.content.read(image->manifest_digest, image::max_manifest_bytes);
    const auto manifest = image::Manifest::parse(text, image->manifest_media_type);
    const auto pin = deps_.images.pin(digests_of(manifest));
    in_parallel(manifest.layers.size(), parallel_uploads, stop_, [&](size_t i, const Stop& stop) {
      push_blob(manifest.layers[i], short_id(image->config.diff_ids[i]), stop);
    });
    push_blob(*manifest.config, "", stop_);
    push_manifest(text, manifest.media_type);
    deps_.images.tag(image->id, {name_.domain, name_.path, "", image->manifest_digest});
    return image->manifest_digest;
  }

 private:
  static std::vector<image::Digest> digests_of(const image::Manifest& manifest) {
    std::vector<image::Digest> out;
    for (const auto& part : manifest.references()) out.push_back(part.digest);
    return out;
  }

  void push_blob(const image::Descriptor& blob, const std::string& id, const Stop& stop) {
    const auto head = remote_.send([&] { return request("HEAD", "blobs/" + blob.digest); }, stop);
    if (head->status() == 200) return report(id, "Layer already exists");
    if (head->status() != 404) throw push_error(*head);
    if (image::is_foreign_layer(blob.media_type)) return report(id, "Skipped foreign layer");
    const auto start = remote_.send([&] { return request("POST", "blobs/uploads/"); }, stop);
    if (start->status() != 202) throw push_error(*start);
    std::string location = location_of(*start);
    location = send_bytes(blob, id, location, stop);
    finish(blob, location, stop);
    report(id, "Pushed");
  }

  std::string send_bytes(const image::Descriptor& blob, const std::string& id,
                         const std::string& location, const Stop& stop) {
    std::shared_ptr<Fd> file;
    uint64_t sent = 0, shown_at = 0;
    const auto source = [&](std::span<char> into) {
      const size_t n = read_some(file->get(), into);
      sent += n;
      if (sent - shown_at >= (1u << 20)) {
        shown_at = sent;
        report(id, "Pushing", sent, blob.size);
      }
      return n;
    };
    const auto response = remote_.send(
        [&] {
          file = std::make_shared<Fd>(deps_.content.open(blob.digest));
          sent = shown_at = 0;
          net::ClientRequest out;
          out.method = "PATCH";
          out.url = location;
          out.headers.set("Content-Type", "application/octet-stream");
          out.body_source = source;
          out.body_length = blob.size;
          return out;
        },
        stop);
    if (response->status() != 202 && response->status() != 204) throw push_error(*response);
    return location_of(*response);
  }

  void finish(const image::Descriptor& blob, const std::string& location, const Stop& stop) {
    const char separator = location.find('?') == std::string::npos ? '?' : '&';
    const auto response = remote_.send(
        [&] {
          net::ClientRequest out;
          out.method = "PUT";
          out.url = fmt::format("{}{}digest={}", location, separator, blob.digest);
          out.headers.set("Content-Length", "0");
          return out;
        },
        stop);
    if (response->status() != 201) throw push_error(*response);
  }

  void push_manifest(const std::string& text, const std::string& media_type) {
    const std::string reference = name_.digest.empty() ? name_.tag : name_.digest;
    const auto response = remote_.send(
        [&] {
          auto out = request("PUT", "manifests/" + reference);
          out.headers.set("Content-Type", media_type);
          out.body = text;
          return out;
        },
        stop_);
    if (response->status() / 100 != 2) throw push_error(*response);
  }

  net::ClientRequest request(const char* method, std::string_view rest) const {
    net::ClientRequest out;
    out.method = method;
    out.url = remote_.url(rest);
    return out;
  }

  std::string location_of(const net::ClientResponse& response) const {
    const auto location = response.headers().get("Location");
    if (location.empty()) throw unavailable("{}: no Location in its answer", remote_.base());
    return remote_.absolute(location);
  }

  Error push_error(net::ClientResponse& response) const {
    const Error e = remote_error(response, name_.name());
    if (e.kind() == Kind::unauthorized || e.kind() == Kind::forbidden)
      return Error(e.kind(), fmt::format("push access denied for {}: {}", name_.name(), e.what()));
    return e;
  }

  void report(const std::string& id, const char* status, uint64_t current = 0, uint64_t total = 0) {
    if (!progress_ || id.empty()) return;
    const std::lock_guard lock(progress_mutex_);
    progress_({id, status, current, total});
  }

  const ClientDeps& deps_;
  const image::Reference& name_;
  Remote remote_;
  const OnProgress& progress_;
  std::mutex progress_mutex_;
  const Stop& stop_;
};

}  // namespace

image::Digest remote_push(const ClientDeps& deps, const image::Reference& name,
                          const std::optional<Credentials>& credentials, const OnProgress& progress,
                          const Stop& stop) {
  return Pusher(deps, name, credentials, progress, stop).run();
}

}  // namespace slipway::registry
