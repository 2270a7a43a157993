// Every ECR operation, by resource; api.cc lists them. Private to ecr/.
#pragma once
#include "aws/gen/ecr.h"
#include "aws/op.h"
#include "ecr/api.h"
#include "registry/repositories.h"

namespace slipway::ecr {

namespace api = aws::ecr;

using Rows = std::vector<aws::Operation>;
// Each appends the rows of one resource.
void add_repositories(Ecr& self, Rows& rows);
void add_repository_settings(Ecr& self, Rows& rows);
void add_images(Ecr& self, Rows& rows);
void add_image_batches(Ecr& self, Rows& rows);
void add_layers(Ecr& self, Rows& rows);
void add_tags(Ecr& self, Rows& rows);

// A refusal by the registry as the exception that ECR's model has for it.
[[noreturn]] void throw_service_error(const registry::RegistryError& error);

// A row whose handler may throw RegistryError.
template <class Tag, class Fn>
aws::Operation row(Ecr& self, Fn fn, aws::OperationOptions options = {}) {
  return aws::op<Tag>(
      self,
      [fn](Ecr& ecr, aws::Context& c, const typename Tag::Input& in) -> typename Tag::Output {
        try {
          return fn(ecr, c, in);
        } catch (const registry::RegistryError& e) {
          throw_service_error(e);
        }
      },
      options);
}

// The registry a request means: its registryId, or the caller's.
inline registry::Scope scope_of(const aws::Context& c, const std::optional<std::string>& id) {
  return {id.value_or(c.account), c.region};
}
// The repository a request names, in the call's own transaction. Throws RegistryError.
template <class In>
registry::RepositoryPtr repository_of(const aws::Context& c, const In& in) {
  return registry::get_repository(*c.db, scope_of(c, in.registryId), *in.repositoryName);
}
// The same, for operations that run their transactions themselves.
template <class In>
registry::RepositoryPtr look_up_repository(const aws::Context& c, const In& in) {
  registry::RepositoryPtr out;
  c.store.read([&](const store::Reader& db) {
    out = registry::get_repository(db, scope_of(c, in.registryId), *in.repositoryName);
  });
  return out;
}

// "... in the repository with name 'R' in the registry with id 'A'"
std::string place_of(const registry::Repository& repository);
std::vector<std::pair<std::string, std::string>> checked_tags(
    const std::optional<std::vector<api::Tag>>& tags);
// Throws InvalidParameterException that says what is wrong with the text.
void check_lifecycle_policy(std::string_view text);

}  // namespace slipway::ecr
