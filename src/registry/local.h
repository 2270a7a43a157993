// Pull and push of local names: look-ups and rows, no bytes, no HTTP. Inside registry/.
#pragma once
#include "image/manifest.h"
#include "registry/client.h"

namespace slipway::registry {

class Local {
 public:
  Local(const ClientDeps& deps, bool trusted) : deps_(deps), trusted_(trusted) {}
  Pulled pull(const image::Reference& name, const image::Platform& platform,
              const std::optional<Credentials>& credentials, const OnProgress& progress);
  image::Digest push(const image::Reference& name, const std::optional<Credentials>& credentials,
                     const OnProgress& progress);
  std::vector<std::string> tags(const image::Reference& name,
                                const std::optional<Credentials>& credentials);
  Described describe(const image::Reference& name, const std::optional<Credentials>& credentials);
  void check_login(std::string_view domain, const Credentials& credentials);

 private:
  // Throws as ECR would; nullopt: a trusted caller.
  std::optional<Principal> authenticate(const Scope& scope,
                                        const std::optional<Credentials>& credentials) const;
  void authorize(const std::optional<Principal>& who, std::string_view action,
                 const Repository& repository) const;
  Pulled take(const image::Reference& name, const image::Platform& platform,
              const Repository& repository, const StoredManifest& found,
              const OnProgress& progress);

  const ClientDeps& deps_;
  bool trusted_;
};

}  // namespace slipway::registry
