// A client of OCI distribution registries: pull and push with anonymous, basic and bearer auth.
// Names of the local registry (see local_domain) never leave the process: pulling is a look-up,
// pushing registers the manifest in the repository; no bytes move.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/stop.h"
#include "image/image.h"
#include "image/manifest.h"
#include "registry/repositories.h"
#include "registry/tokens.h"
#include "store/store.h"

namespace slipway::registry {

struct Credentials {
  std::string username, password;
  // Instead of both: a refresh token that the token server takes, a bearer token for the registry.
  std::string identity_token = {}, registry_token = {};
};

// What a name means in its registry, without pulling it.
struct Described {
  image::Descriptor manifest;
  std::vector<image::Platform> platforms;
};

// What `docker pull/push` draws. status as Docker words it ("Downloading", "Pull complete",
// "Pushed", "Layer already exists"); id is the short layer id, or empty.
struct Progress {
  std::string id, status;
  uint64_t current = 0, total = 0;
};
using OnProgress = std::function<void(const Progress&)>;

// <account>.dkr.ecr.<region>.amazonaws.com
bool local_domain(std::string_view domain);

struct Pulled {
  std::string image_id;
  image::Digest manifest_digest;
};

// Resolves, downloads what is missing, registers and tags. Throws Error(not_found) "manifest for X
// not found...", Error(unauthorized) / Error(forbidden) "pull access denied for X...",
// Error(unavailable).
class Client {
 public:
  virtual ~Client() = default;
  virtual Pulled pull(const image::Reference& name, const std::optional<Credentials>& credentials,
                      const OnProgress& progress, const Stop& stop) = 0;
  // As pull, of an index's image for a platform ("linux/arm64/v8"; empty: this machine).
  virtual Pulled pull_platform(const image::Reference& name, const std::string& platform,
                               const std::optional<Credentials>& credentials,
                               const OnProgress& progress, const Stop& stop) {
    if (!platform.empty()) throw unimplemented("platforms cannot be chosen here");
    return pull(name, credentials, progress, stop);
  }
  // The tags of a repository; Described of one name.
  virtual std::vector<std::string> tags(const image::Reference& name,
                                        const std::optional<Credentials>& credentials,
                                        const Stop& stop) {
    (void)credentials, (void)stop;
    throw unimplemented("the tags of {} cannot be listed here", name.name());
  }
  virtual Described describe(const image::Reference& name,
                             const std::optional<Credentials>& credentials, const Stop& stop) {
    (void)credentials, (void)stop;
    throw unimplemented("{} cannot be looked up here", name.familiar());
  }
  // Returns the digest of the pushed manifest.
  virtual image::Digest push(const image::Reference& name,
                             const std::optional<Credentials>& credentials,
                             const OnProgress& progress, const Stop& stop) = 0;
  // `docker login`: throws Error(unauthorized) when the registry refuses.
  virtual void check_login(std::string_view domain, const Credentials& credentials,
                           const Stop& stop) = 0;
};

struct ClientDeps {
  store::Store& store;
  image::ContentStore& content;
  image::Images& images;
  const Tokens& tokens;
  const Clock& clock;
  // As ServerDeps::authorize; for local names.
  Authorize authorize = {};
  // Asked before Docker Hub, in this order: "https://mirror.example.com".
  std::vector<std::string> mirrors = {};
  // Registries that speak plain HTTP: "registry.lan:5000".
  std::vector<std::string> insecure = {};
};
// Throws Error(invalid_argument) unless the text is an http or https address without a path.
std::string parse_mirror(std::string_view url);

struct ClientOptions {
  // A caller inside the program (the agent, the builder's FROM) needs no credentials for local
  // names. Everyone else does: `docker push` without login answers "no basic auth credentials".
  bool trusted = false;
};

std::unique_ptr<Client> make_client(ClientDeps deps, ClientOptions options = {});

}  // namespace slipway::registry
