// A conversation with one foreign registry: where it is, how it wants to be authenticated, what its
// errors mean. Thread-safe: several downloads share one. Inside registry/.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/stop.h"
#include "base/sync.h"
#include "image/manifest.h"
#include "net/http.h"
#include "registry/client.h"

namespace slipway::registry {

class Remote {
 public:
  // At the domain, as the configuration says it is to be reached.
  Remote(const ClientDeps& deps, std::string_view domain, std::string path,
         std::optional<Credentials> credentials, bool for_push);
  // path: the repository; empty for a login check. base: where the registry is, if not at its
  // domain ("https://mirror.example.com").
  Remote(std::string_view domain, std::string path, std::optional<Credentials> credentials,
         bool for_push, std::string base = {});
  using MakeRequest = std::function<net::ClientRequest()>;
  // Sends what make returns (called again when the registry asks for credentials), follows
  // redirects of GET and HEAD. Any status may come back, 401 only when authentication failed.
  std::unique_ptr<net::ClientResponse> send(const MakeRequest& make, const Stop& stop);
  // https://host/v2/<path>/<rest>
  std::string url(std::string_view rest) const;
  // A Location header of an answer as a full URL.
  std::string absolute(std::string_view location) const;
  const std::string& base() const { return base_; }

 private:
  std::unique_ptr<net::ClientResponse> follow(net::ClientRequest request,
                                              std::unique_ptr<net::ClientResponse> response,
                                              const Stop& stop);
  bool authenticate(std::string_view challenge, const Stop& stop);
  std::unique_ptr<net::ClientResponse> ask_for_token(const std::string& realm,
                                                     const std::string& service,
                                                     const Stop& stop) const;
  std::string bearer_token(std::string_view challenge, const Stop& stop);

  std::string base_, path_;
  std::optional<Credentials> credentials_;
  bool for_push_;
  Sync<std::string> authorization_;
};

// The twelve digits of a digest that progress lines show.
std::string short_id(std::string_view digest);

// The error a registry's answer means, in the words docker uses ("denied: ..."). Reads the body.
Error remote_error(net::ClientResponse& response, std::string_view what);

Pulled remote_pull(const ClientDeps& deps, const image::Reference& name,
                   const image::Platform& platform, const std::optional<Credentials>& credentials,
                   const OnProgress& progress, const Stop& stop);
image::Digest remote_push(const ClientDeps& deps, const image::Reference& name,
                          const std::optional<Credentials>& credentials, const OnProgress& progress,
                          const Stop& stop);

std::vector<std::string> remote_tags(const ClientDeps& deps, const image::Reference& name,
                                     const std::optional<Credentials>& credentials,
                                     const Stop& stop);
Described remote_describe(const ClientDeps& deps, const image::Reference& name,
                          const std::optional<Credentials>& credentials, const Stop& stop);

// An image that is not part of an index says only in its configuration what it is for. Throws
// Error(not_found) when that is not the platform that was asked for.
void require_platform(const image::ContentStore& content, const image::Descriptor& config,
                      const image::Reference& name, const image::Platform& platform);

// What a registry has for a tag or digest, checked against the latter. name: for errors.
struct FetchedManifest {
  std::string text;
  image::Digest digest;
  image::Manifest parsed;
};
FetchedManifest fetch_manifest(Remote& remote, const image::Reference& name,
                               const std::string& tag_or_digest, const Stop& stop);

// Runs task(0..count-1) on up to width threads. The first failure stops the others and is thrown.
void in_parallel(size_t count, size_t width, const Stop& stop,
                 const std::function<void(size_t, const Stop&)>& task);

}  // namespace slipway::registry
