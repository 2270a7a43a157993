// docker import: a root file system's archive (the request's body, or at a URL) becomes an image.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/config_changes.h"
#include "docker/handlers.h"
#include "docker/publish.h"
#include "image/image.h"
#include "image/manifest.h"

namespace slipway::docker {
namespace {

// The archive at a URL. Redirects are followed, to http and https only.
std::unique_ptr<net::ClientResponse> fetch_archive(std::string url, const Stop& stop) {
  if (url.find("://") == std::string::npos) url = "http://" + url;
  for (int hops = 0; hops < 5; ++hops) {
    if (!url.starts_with("http://") && !url.starts_with("https://"))
      throw invalid_argument("import from {}: only http and https addresses can be read", url);
    net::ClientRequest request;
    request.url = url;
    auto response = net::request(request, stop);
    if (response->status() == 200) return response;
    const std::string_view location = response->headers().get("Location");
    if (response->status() / 100 != 3 || location.empty())
      throw unavailable("import from {}: the server answered {}", url, response->status());
    if (location.starts_with('/')) {
      const auto scheme = url.find("://") + 3;
      url = url.substr(0, url.find('/', scheme)) + std::string(location);
    } else {
      url = std::string(location);
    }
  }
  throw unavailable("import from {}: too many redirects", url);
}

void set_platform(image::Config& config, const std::string& platform) {
  config.architecture = std::string(image::machine_architecture());
  if (platform.empty()) return;
  const auto [system, rest] = split_once(platform, '/');
  const auto [architecture, variant] = split_once(rest, '/');
  if (system != "linux") throw invalid_argument("operating system is not supported: {}", system);
  if (!architecture.empty()) config.architecture = architecture;
}

std::optional<image::Reference> imported_name(const Call& call) {
  const auto repo = call.text("repo"), tag = call.text("tag");
  if (repo.empty()) return std::nullopt;
  auto name = image::Reference::parse(tag.empty() ? repo : repo + ":" + tag);
  if (!name.digest.empty()) throw invalid_argument("cannot import digest reference");
  return name;
}

image::Images::Layer read_archive(Call& call, const std::string& from, JsonLines& out) {
  const Stop& stop = call.exchange.stop();
  if (from == "-") {
    return call.deps.images.import_layer(
        [&](std::span<char> into) { return call.exchange.read(into); }, {}, stop);
  }
  const auto response = fetch_archive(from, stop);
  out.write({{"status", "Downloading from " + from}});
  return call.deps.images.import_layer([&](std::span<char> into) { return response->read(into); },
                                       {}, stop);
}

}  // namespace

void import_image(Call& call) {
  const auto from = call.text("fromSrc");
  const auto name = imported_name(call);
  image::Config config;
  set_platform(config, call.text("platform"));
  apply_changes(config, query_values(call.query, "changes"));
  JsonLines out(call);
  try {
    const auto layer = read_archive(call, from, out);
    const auto pinned = call.deps.images.pin({layer.descriptor.digest, layer.diff_id});
    config.created = to_rfc3339(call.deps.clock.now(), 6);
    config.diff_ids = {layer.diff_id};
    const auto message = call.text("message");
    config.history = {
        {config.created, "", message.empty() ? "Imported from " + from : message, false}};
    const auto image = call.deps.images.create(config, {layer.descriptor});
    if (name) {
      call.deps.images.tag(image.id, *name);
      publish_image(call, "tag", image.id, name->familiar(), &config);
    }
    publish_image(call, "import", image.id, image.id, &config);
    out.write({{"status", image.id}});
    out.finish();
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    out.fail(e);
  }
}

}  // namespace slipway::docker
