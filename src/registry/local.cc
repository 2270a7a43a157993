// Local names. The same checks as over HTTP (token, repository, tag immutability), the same words.
#include "registry/local.h"

#include "registry/errors.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

Scope scope_of(std::string_view domain) {
  const auto scope = parse_domain(domain);
  if (!scope) throw internal("{} is not a local registry", domain);
  return *scope;
}

// What `docker pull` says when the registry answers this.
Error pull_error(const RegistryError& e, const image::Reference& name) {
  const std::string text = docker_text(e);
  switch (e.code()) {
    case Code::repository_unknown:
      return not_found("repository {} not found: {}", name.name(), text);
    case Code::manifest_unknown:
      return not_found("manifest for {} not found: {}", name.familiar(), text);
    case Code::denied:
      return forbidden(
          "pull access denied for {}, repository does not exist or may require 'docker login': {}",
          name.name(), text);
    default:
      return Error(e.kind(), e.what());
  }
}

Error push_error(const RegistryError& e) {
  return Error(e.kind(), e.code() == Code::unauthorized ? e.what() : docker_text(e));
}

RegistryError manifest_unknown() {
  return RegistryError(Code::manifest_unknown, Kind::not_found, "Requested image not found");
}

void report(const OnProgress& progress, const std::string& id, const char* status) {
  if (progress) progress({id, status, 0, 0});
}

}  // namespace

std::optional<Principal> Local::authenticate(const Scope& scope,
                                             const std::optional<Credentials>& credentials) const {
  if (!credentials) {
    if (trusted_) return std::nullopt;
    throw RegistryError(Code::unauthorized, Kind::unauthorized, "no basic auth credentials");
  }
  const auto who = deps_.tokens.verify(credentials->username, credentials->password);
  if (who.account != scope.account)
    throw RegistryError(Code::denied, Kind::forbidden,
                        fmt::format("User: {} is not authorized to use the registry with id '{}'",
                                    who.arn, scope.account));
  return who;
}

void Local::authorize(const std::optional<Principal>& who, std::string_view action,
                      const Repository& repository) const {
  if (who && deps_.authorize) deps_.authorize(*who, action, repository.arn());
}

void Local::check_login(std::string_view domain, const Credentials& credentials) {
  authenticate(scope_of(domain), credentials);
}

std::vector<std::string> Local::tags(const image::Reference& name,
                                     const std::optional<Credentials>& credentials) try {
  const Scope scope = scope_of(name.domain);
  const auto who = authenticate(scope, credentials);
  std::vector<std::string> out;
  RepositoryPtr repository;
  deps_.store.read([&](const store::Reader& db) {
    repository = get_repository(db, scope, name.path);
    for (const auto& tag : list_tags(db, *repository)) out.push_back(tag.name);
  });
  authorize(who, "ecr:ListImages", *repository);
  return out;
} catch (const RegistryError& e) {
  throw pull_error(e, name);
}

Described Local::describe(const image::Reference& name,
                          const std::optional<Credentials>& credentials) try {
  const Scope scope = scope_of(name.domain);
  const auto who = authenticate(scope, credentials);
  RepositoryPtr repository;
  ManifestPtr found;
  deps_.store.read([&](const store::Reader& db) {
    repository = get_repository(db, scope, name.path);
    found = find_manifest(db, *repository, name.digest.empty() ? name.tag : name.digest);
  });
  authorize(who, "ecr:BatchGetImage", *repository);
  if (!found) throw manifest_unknown();
  Described out{{found->media_type, found->digest, found->manifest_bytes}, {}};
  const auto manifest = image::Manifest::parse(
      deps_.content.read(found->digest, image::max_manifest_bytes), found->media_type);
  for (const auto& child : manifest.children)
    out.platforms.push_back({child.os, child.architecture, child.variant, false});
  if (manifest.config) {
    const auto config =
        image::Config::parse(deps_.content.read(manifest.config->digest, image::max_config_bytes));
    out.platforms.push_back({config.os, config.architecture, "", false});
  }
  return out;
} catch (const RegistryError& e) {
  throw pull_error(e, name);
}

Pulled Local::pull(const image::Reference& name, const image::Platform& platform,
                   const std::optional<Credentials>& credentials, const OnProgress& progress) try {
  const Scope scope = scope_of(name.domain);
  const auto who = authenticate(scope, credentials);
  RepositoryPtr repository;
  ManifestPtr found;
  deps_.store.read([&](const store::Reader& db) {
    repository = get_repository(db, scope, name.path);
    found = find_manifest(db, *repository, name.digest.empty() ? name.tag : name.digest);
  });
  authorize(who, "ecr:BatchGetImage", *repository);
  if (!found) throw manifest_unknown();
  return take(name, platform, *repository, *found, progress);
} catch (const RegistryError& e) {
  throw pull_error(e, name);
}

Pulled Local::take(const image::Reference& name, const image::Platform& platform,
                   const Repository& repository, const StoredManifest& found,
                   const OnProgress& progress) {
  image::Digest digest = found.digest;
  std::string text = deps_.content.read(digest, image::max_manifest_bytes);
  auto manifest = image::Manifest::parse(text, found.media_type);
  if (manifest.index) {
    const auto* child = manifest.for_platform(platform);
    if (child == nullptr)
      throw not_found("no matching manifest for {} in the manifest list entries of {}",
                      platform.text(), name.familiar());
    digest = child->descriptor.digest;
    text = deps_.content.read(digest, image::max_manifest_bytes);
    manifest = image::Manifest::parse(text, child->descriptor.media_type);
  }
  if (manifest.config) require_platform(deps_.content, *manifest.config, name, platform);
  const bool known = deps_.images.find(manifest.config ? manifest.config->digest : "").has_value();
  const std::string id = deps_.images.add_manifest(text, manifest.media_type);
  for (const auto& layer : manifest.layers)
    report(progress, short_id(layer.digest), known ? "Already exists" : "Pull complete");
  if (name.digest.empty()) deps_.images.tag(id, name);
  deps_.images.tag(id, {name.domain, name.path, "", found.digest});
  deps_.store.write(
      [&](store::Writer& db) { note_pull(db, repository, found.digest, deps_.clock.now()); });
  return {id, found.digest};
}

image::Digest Local::push(const image::Reference& name,
                          const std::optional<Credentials>& credentials,
                          const OnProgress& progress) try {
  const Scope scope = scope_of(name.domain);
  const auto image = deps_.images.find(name.full());
  if (!image) throw not_found("An image does not exist locally with the tag: {}", name.name());
  const auto who = authenticate(scope, credentials);
  const auto text = deps_.content.read(image->manifest_digest, image::max_manifest_bytes);
  const auto manifest = describe_manifest(text, image->manifest_media_type);
  for (const auto& blob : manifest.needed)
    if (!deps_.content.touch(blob.digest))
      throw internal("blob {} of {} is not in the content store", blob.digest, name.familiar());

  std::set<image::Digest> fresh;
  deps_.store.write([&](store::Writer& db) {
    fresh.clear();
    const auto repository = get_repository(db, scope, name.path);
    authorize(who, "ecr:PutImage", *repository);
    for (const auto& blob : manifest.needed) {
      if (find_blob(db, *repository, blob.digest)) continue;
      add_blob(db, *repository, blob.digest, blob.size, deps_.clock.now());
      fresh.insert(blob.digest);
    }
    put_manifest(db, *repository, manifest, name.tag, deps_.clock.now());
  });
  for (size_t i = 0; i < image->layers.size(); ++i)
    report(progress, short_id(image->config.diff_ids[i]),
           fresh.contains(image->layers[i].digest) ? "Pushed" : "Layer already exists");
  deps_.images.tag(image->id, {name.domain, name.path, "", manifest.digest});
  return manifest.digest;
} catch (const RegistryError& e) {
  throw push_error(e);
}

}  // namespace slipway::registry
