// Looking things up in a foreign registry: manifests, what they are for, tags.
#include "base/error.h"
#include "base/strings.h"
#include "codec/form.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

constexpr const char* accepted[] = {"application/vnd.docker.distribution.manifest.v2+json",
                                    "application/vnd.docker.distribution.manifest.list.v2+json",
                                    "application/vnd.oci.image.manifest.v1+json",
                                    "application/vnd.oci.image.index.v1+json"};
constexpr size_t most_tags = 10'000;

Error manifest_error(net::ClientResponse& response, const image::Reference& name) {
  const Error e = remote_error(response, name.familiar());
  if (e.kind() == Kind::not_found)
    return not_found("manifest for {} not found: {}", name.familiar(), e.what());
  if (e.kind() == Kind::unauthorized || e.kind() == Kind::forbidden)
    return Error(e.kind(),
                 fmt::format("pull access denied for {}, repository does not exist or may "
                             "require 'docker login': {}",
                             name.name(), e.what()));
  return e;
}

// `</v2/app/tags/list?n=100&last=x>; rel="next"` -> what stands in the brackets.
std::string next_page(std::string_view link) {
  const auto begin = link.find('<'), end = link.find('>');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  if (link.find("rel=\"next\"", end) == std::string_view::npos) return {};
  return std::string(link.substr(begin + 1, end - begin - 1));
}

}  // namespace

void require_platform(const image::ContentStore& content, const image::Descriptor& descriptor,
                      const image::Reference& name, const image::Platform& platform) {
  if (!platform.asked) return;
  const auto config =
      image::Config::parse(content.read(descriptor.digest, image::max_config_bytes));
  if (config.architecture.empty() || config.architecture == platform.architecture) return;
  throw not_found(
      "image with reference {} was found but its platform ({}/{}) does not match the specified "
      "platform ({})",
      name.familiar(), config.os, config.architecture, platform.text());
}

FetchedManifest fetch_manifest(Remote& remote, const image::Reference& name,
                               const std::string& tag_or_digest, const Stop& stop) {
  const auto response = remote.send(
      [&] {
        net::ClientRequest request;
        request.url = remote.url("manifests/" + tag_or_digest);
        for (const char* type : accepted) request.headers.add("Accept", type);
        return request;
      },
      stop);
  if (response->status() != 200) throw manifest_error(*response, name);
  FetchedManifest out;
  out.text = response->read_all(image::max_manifest_bytes);
  const bool by_digest = image::valid_digest(tag_or_digest);
  Hasher hash(by_digest ? tag_or_digest.substr(0, tag_or_digest.find(':')) : "sha256");
  hash.update(out.text);
  out.digest = hash.digest();
  if (by_digest && out.digest != tag_or_digest)
    throw unavailable("{}: the registry sent a manifest with digest {} for {}", name.familiar(),
                      out.digest, tag_or_digest);
  const auto type = response->headers().get("Content-Type");
  out.parsed = image::Manifest::parse(out.text, type.substr(0, type.find(';')));
  return out;
}

std::vector<std::string> remote_tags(const ClientDeps& deps, const image::Reference& name,
                                     const std::optional<Credentials>& credentials,
                                     const Stop& stop) {
  Remote remote(deps, name.domain, name.path, credentials, false);
  std::vector<std::string> out;
  for (std::string url = remote.url("tags/list"); !url.empty();) {
    const auto response = remote.send(
        [&] {
          net::ClientRequest request;
          request.url = url;
          return request;
        },
        stop);
    if (response->status() != 200) throw remote_error(*response, name.name());
    const Json page = parse_json(response->read_all(16u << 20), "the registry's list of tags");
    const auto tags = page.is_object() ? page.value("tags", Json()) : Json();
    for (const auto& tag : tags.is_array() ? tags : Json::array())
      if (tag.is_string() && image::valid_tag_name(tag.get<std::string>())) out.push_back(tag);
    const auto next = next_page(response->headers().get("Link"));
    url = next.empty() || out.size() > most_tags ? "" : remote.absolute(next);
  }
  return out;
}

Described remote_describe(const ClientDeps& deps, const image::Reference& name,
                          const std::optional<Credentials>& credentials, const Stop& stop) {
  Remote remote(deps, name.domain, name.path, credentials, false);
  const auto found =
      fetch_manifest(remote, name, name.digest.empty() ? name.tag : name.digest, stop);
  Described out{{found.parsed.media_type, found.digest, found.text.size()}, {}};
  for (const auto& child : found.parsed.children)
    out.platforms.push_back({child.os, child.architecture, child.variant, false});
  if (!found.parsed.config) return out;
  const auto response = remote.send(
      [&] {
        net::ClientRequest request;
        request.url = remote.url("blobs/" + found.parsed.config->digest);
        return request;
      },
      stop);
  if (response->status() != 200) throw remote_error(*response, found.parsed.config->digest);
  const auto config = image::Config::parse(response->read_all(image::max_config_bytes));
  out.platforms.push_back({config.os, config.architecture, "", false});
  return out;
}

}  // namespace slipway::registry
