// Repositories: create, describe, delete; the token for docker login; what the registry is.
#include "aws/page.h"
#include "codec/hash.h"
#include "ecr/operations.h"
#include "ecr/shapes.h"

namespace slipway::ecr {

namespace {

void check_encryption(const api::EncryptionConfiguration& wanted, registry::Repository& out) {
  out.encryption = *wanted.encryptionType;
  out.kms_key = wanted.kmsKey.value_or("");
  if (out.encryption == api::EncryptionTypeValues::AES256 && !out.kms_key.empty())
    throw api::InvalidParameterException(
        "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint: 'kmsKey must "
        "not be given for encryption type AES256'");
}

api::CreateRepositoryResponse create_repository(Ecr&, aws::Context& c,
                                                const api::CreateRepositoryRequest& in) {
  if (in.registryId && *in.registryId != c.account)
    throw api::InvalidParameterException(
        fmt::format("Invalid parameter at 'registryId' failed to satisfy constraint: 'must be the "
                    "caller's own registry, {}'",
                    c.account));
  registry::Repository made;
  made.scope = {c.account, c.region};
  made.name = *in.repositoryName;
  made.created_us = c.now.time_since_epoch().count();
  set_mutability(made, in.imageTagMutability.value_or(api::ImageTagMutabilityValues::MUTABLE),
                 in.imageTagMutabilityExclusionFilters);
  if (in.imageScanningConfiguration)
    made.scan_on_push = in.imageScanningConfiguration->scanOnPush.value_or(false);
  if (in.encryptionConfiguration) check_encryption(*in.encryptionConfiguration, made);
  made.tags = checked_tags(in.tags);
  registry::create_repository(*c.db, made);
  return {shape_of(made)};
}

api::DescribeRepositoriesResponse describe_repositories(
    Ecr&, aws::Context& c, const api::DescribeRepositoriesRequest& in) {
  const auto scope = scope_of(c, in.registryId);
  api::DescribeRepositoriesResponse out;
  auto& list = out.repositories.emplace();
  if (in.repositoryNames && !in.repositoryNames->empty()) {
    for (const auto& name : *in.repositoryNames)
      list.push_back(shape_of(*registry::get_repository(*c.db, scope, name)));
    return out;
  }
  const auto page = aws::paginate(
      "ecr.repositories", registry::list_repositories(*c.db, scope),
      [](const registry::RepositoryPtr& one) -> const std::string& { return one->name; },
      in.nextToken, static_cast<size_t>(in.maxResults.value_or(100)));
  for (const auto& one : page.items) list.push_back(shape_of(*one));
  out.nextToken = page.next;
  return out;
}

api::DeleteRepositoryResponse delete_repository(Ecr&, aws::Context& c,
                                                const api::DeleteRepositoryRequest& in) {
  const auto repository = repository_of(c, in);
  registry::delete_repository(*c.db, *repository, in.force.value_or(false));
  return {shape_of(*repository)};
}

api::GetAuthorizationTokenResponse get_authorization_token(
    Ecr& self, aws::Context& c, const api::GetAuthorizationTokenRequest&) {
  const auto minted = self.tokens.mint({c.account, c.principal_arn});
  api::AuthorizationData data;
  data.authorizationToken = base64_encode("AWS:" + minted.password);
  data.expiresAt = minted.expires;
  data.proxyEndpoint = "https://" + registry::Scope{c.account, c.region}.domain();
  return {std::vector<api::AuthorizationData>{data}};
}

// There is no replication: the rules are none, as in a new account.
api::DescribeRegistryResponse describe_registry(Ecr&, aws::Context& c,
                                                const api::DescribeRegistryRequest&) {
  api::DescribeRegistryResponse out;
  out.registryId = c.account;
  out.replicationConfiguration.emplace().rules.emplace();
  return out;
}

}  // namespace

api::Repository shape_of(const registry::Repository& repository) {
  api::Repository out;
  out.repositoryArn = repository.arn();
  out.registryId = repository.scope.account;
  out.repositoryName = repository.name;
  out.repositoryUri = repository.uri();
  out.createdAt = TimePoint(microseconds(repository.created_us));
  out.imageTagMutability = repository.mutability;
  out.imageTagMutabilityExclusionFilters = exclusion_filters(repository);
  out.imageScanningConfiguration.emplace().scanOnPush = repository.scan_on_push;
  auto& encryption = out.encryptionConfiguration.emplace();
  encryption.encryptionType = repository.encryption;
  if (!repository.kms_key.empty()) encryption.kmsKey = repository.kms_key;
  return out;
}

void add_repositories(Ecr& self, Rows& rows) {
  rows.push_back(row<api::op::CreateRepository>(self, create_repository));
  rows.push_back(row<api::op::DescribeRepositories>(self, describe_repositories));
  rows.push_back(row<api::op::DeleteRepository>(self, delete_repository));
  rows.push_back(row<api::op::GetAuthorizationToken>(self, get_authorization_token));
  rows.push_back(row<api::op::DescribeRegistry>(self, describe_registry));
}

}  // namespace slipway::ecr
