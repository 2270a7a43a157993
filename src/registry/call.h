// One request to the registry, taken apart: what is meant, by whom, in which repository. Inside
// registry/.
#pragma once
#include "codec/form.h"
#include "registry/server.h"

namespace slipway::registry {

enum class Resource { base, catalog, uploads, upload, blob, manifest, tags, referrers };

struct Route {
  Resource resource = Resource::base;
  std::string name;      // the repository
  std::string argument;  // digest, tag or upload id
};
// nullopt: no such thing under /v2/. path: still percent-encoded.
std::optional<Route> parse_route(std::string_view path);

struct Call {
  net::Exchange& http;
  const ServerDeps& deps;
  Route route;
  Pairs query;
  Scope scope;
  Principal principal;
  RepositoryPtr repository;  // exists; null for base and catalog

  const std::string& method() const { return http.request().method; }
  std::string_view header(std::string_view name) const { return http.request().headers.get(name); }
  // "/v2/<name>/<rest>"
  std::string url(std::string_view rest) const {
    return fmt::format("/v2/{}/{}", percent_encode(route.name, "/"), rest);
  }
  void authorize(std::string_view action) const {
    if (deps.authorize) deps.authorize(principal, action, repository->arn());
  }
  TimePoint now() const { return deps.clock.now(); }
};

// Headers that every answer has, and then the given ones.
net::Headers with_version(net::Headers headers);
void answer_json(Call& call, int status, const std::string& body, net::Headers headers = {});
[[noreturn]] void method_not_allowed(const Call& call);

// blobs.cc
void serve_blob(Call& call);
void serve_uploads(Call& call);
void serve_upload(Call& call);
// manifests.cc
void serve_manifest(Call& call);
void serve_tags(Call& call);
void serve_referrers(Call& call);
void serve_catalog(Call& call);

}  // namespace slipway::registry
