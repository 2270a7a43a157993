// Which way a name goes: within the program, or to a foreign registry.
#include "registry/client.h"

#include "base/error.h"
#include "registry/errors.h"
#include "registry/local.h"
#include "registry/remote.h"

namespace slipway::registry {

namespace {

class RegistryClient final : public Client {
 public:
  RegistryClient(ClientDeps deps, ClientOptions options)
      : deps_(std::move(deps)), local_(deps_, options.trusted) {}

  Pulled pull(const image::Reference& name, const std::optional<Credentials>& credentials,
              const OnProgress& progress, const Stop& stop) override {
    return pull_platform(name, "", credentials, progress, stop);
  }

  Pulled pull_platform(const image::Reference& name, const std::string& platform,
                       const std::optional<Credentials>& credentials, const OnProgress& progress,
                       const Stop& stop) override {
    const auto wanted = image::Platform::parse(platform);
    if (local_domain(name.domain)) return local_.pull(name, wanted, credentials, progress);
    return remote_pull(deps_, name, wanted, credentials, progress, stop);
  }

  std::vector<std::string> tags(const image::Reference& name,
                                const std::optional<Credentials>& credentials,
                                const Stop& stop) override {
    if (local_domain(name.domain)) return local_.tags(name, credentials);
    return remote_tags(deps_, name, credentials, stop);
  }

  Described describe(const image::Reference& name, const std::optional<Credentials>& credentials,
                     const Stop& stop) override {
    if (local_domain(name.domain)) return local_.describe(name, credentials);
    return remote_describe(deps_, name, credentials, stop);
  }

  image::Digest push(const image::Reference& name, const std::optional<Credentials>& credentials,
                     const OnProgress& progress, const Stop& stop) override {
    if (local_domain(name.domain)) return local_.push(name, credentials, progress);
    return remote_push(deps_, name, credentials, progress, stop);
  }

  void check_login(std::string_view domain, const Credentials& credentials,
                   const Stop& stop) override {
    if (local_domain(domain)) return check_local(domain, credentials);
    Remote remote(deps_, domain, "", credentials, false);
    const auto response = remote.send(
        [&] {
          net::ClientRequest request;
          request.url = remote.url("");
          return request;
        },
        stop);
    if (response->status() == 200) return;
    const Error e = remote_error(*response, domain);
    if (e.kind() == Kind::unauthorized || e.kind() == Kind::forbidden)
      throw unauthorized("Get \"{}\": {}", remote.url(""), e.what());
    throw e;
  }

 private:
  void check_local(std::string_view domain, const Credentials& credentials) {
    try {
      local_.check_login(domain, credentials);
    } catch (const RegistryError& e) {
      const std::string text = e.code() == Code::unauthorized
                                   ? "unauthorized: incorrect username or password"
                                   : docker_text(e);
      throw unauthorized("Get \"https://{}/v2/\": {}", domain, text);
    }
  }

  ClientDeps deps_;
  Local local_;
};

}  // namespace

std::unique_ptr<Client> make_client(ClientDeps deps, ClientOptions options) {
  return std::make_unique<RegistryClient>(std::move(deps), options);
}

}  // namespace slipway::registry
