// What can be set on a repository: tag mutability, scanning, the repository policy, the lifecycle
// policy. Policies are kept, given back as they were given, and not acted on (docs/ecr.md).
#include "codec/json.h"
#include "ecr/operations.h"
#include "ecr/shapes.h"

namespace slipway::ecr {

namespace {

// Fills what every answer here begins with.
template <class Out>
Out answer_for(const registry::Repository& repository) {
  Out out;
  out.registryId = repository.scope.account;
  out.repositoryName = repository.name;
  return out;
}

api::PutImageTagMutabilityResponse put_image_tag_mutability(
    Ecr&, aws::Context& c, const api::PutImageTagMutabilityRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  set_mutability(changed, *in.imageTagMutability, in.imageTagMutabilityExclusionFilters);
  registry::update_repository(*c.db, changed);
  auto out = answer_for<api::PutImageTagMutabilityResponse>(changed);
  out.imageTagMutability = changed.mutability;
  out.imageTagMutabilityExclusionFilters = exclusion_filters(changed);
  return out;
}

api::PutImageScanningConfigurationResponse put_image_scanning_configuration(
    Ecr&, aws::Context& c, const api::PutImageScanningConfigurationRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  changed.scan_on_push = in.imageScanningConfiguration->scanOnPush.value_or(false);
  registry::update_repository(*c.db, changed);
  auto out = answer_for<api::PutImageScanningConfigurationResponse>(changed);
  out.imageScanningConfiguration.emplace().scanOnPush = changed.scan_on_push;
  return out;
}

std::string require_policy(const registry::Repository& repository) {
  if (!repository.policy.empty()) return repository.policy;
  throw api::RepositoryPolicyNotFoundException(
      fmt::format("Repository policy does not exist for the repository with name '{}' in the "
                  "registry with id '{}'",
                  repository.name, repository.scope.account));
}

std::string require_lifecycle_policy(const registry::Repository& repository) {
  if (!repository.lifecycle_policy.empty()) return repository.lifecycle_policy;
  throw api::LifecyclePolicyNotFoundException(
      fmt::format("Lifecycle policy does not exist for the repository with name '{}' in the "
                  "registry with id '{}'",
                  repository.name, repository.scope.account));
}

void check_repository_policy(std::string_view text) {
  const auto invalid = [](const std::string& why) {
    return api::InvalidParameterException(
        fmt::format("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid "
                    "repository policy provided' ({})",
                    why));
  };
  Json policy;
  try {
    policy = parse_json(text, "policyText");
  } catch (const Error& e) {
    throw invalid(e.what());
  }
  if (!policy.is_object() || !policy.contains("Statement"))
    throw invalid("a policy is an object with a Statement");
  const auto& statements = policy["Statement"];
  const Json list = statements.is_array() ? statements : Json::array({statements});
  for (const auto& one : list)
    if (!one.is_object() || !one.contains("Effect") ||
        !(one.contains("Action") || one.contains("NotAction")))
      throw invalid("a statement needs Effect and Action");
}

api::SetRepositoryPolicyResponse set_repository_policy(Ecr&, aws::Context& c,
                                                       const api::SetRepositoryPolicyRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  check_repository_policy(*in.policyText);
  changed.policy = *in.policyText;
  registry::update_repository(*c.db, changed);
  auto out = answer_for<api::SetRepositoryPolicyResponse>(changed);
  out.policyText = changed.policy;
  return out;
}

api::GetRepositoryPolicyResponse get_repository_policy(Ecr&, aws::Context& c,
                                                       const api::GetRepositoryPolicyRequest& in) {
  const auto repository = repository_of(c, in);
  auto out = answer_for<api::GetRepositoryPolicyResponse>(*repository);
  out.policyText = require_policy(*repository);
  return out;
}

api::DeleteRepositoryPolicyResponse delete_repository_policy(
    Ecr&, aws::Context& c, const api::DeleteRepositoryPolicyRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  auto out = answer_for<api::DeleteRepositoryPolicyResponse>(changed);
  out.policyText = require_policy(changed);
  changed.policy.clear();
  registry::update_repository(*c.db, changed);
  return out;
}

api::PutLifecyclePolicyResponse put_lifecycle_policy(Ecr&, aws::Context& c,
                                                     const api::PutLifecyclePolicyRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  check_lifecycle_policy(*in.lifecyclePolicyText);
  changed.lifecycle_policy = *in.lifecyclePolicyText;
  registry::update_repository(*c.db, changed);
  auto out = answer_for<api::PutLifecyclePolicyResponse>(changed);
  out.lifecyclePolicyText = changed.lifecycle_policy;
  return out;
}

api::GetLifecyclePolicyResponse get_lifecycle_policy(Ecr&, aws::Context& c,
                                                     const api::GetLifecyclePolicyRequest& in) {
  const auto repository = repository_of(c, in);
  auto out = answer_for<api::GetLifecyclePolicyResponse>(*repository);
  out.lifecyclePolicyText = require_lifecycle_policy(*repository);
  return out;
}

api::DeleteLifecyclePolicyResponse delete_lifecycle_policy(
    Ecr&, aws::Context& c, const api::DeleteLifecyclePolicyRequest& in) {
  registry::Repository changed = *repository_of(c, in);
  auto out = answer_for<api::DeleteLifecyclePolicyResponse>(changed);
  out.lifecyclePolicyText = require_lifecycle_policy(changed);
  changed.lifecycle_policy.clear();
  registry::update_repository(*c.db, changed);
  return out;
}

}  // namespace

ExclusionFilters exclusion_filters(const registry::Repository& repository) {
  if (repository.exclusions.empty()) return std::nullopt;
  std::vector<api::ImageTagMutabilityExclusionFilter> out;
  for (const auto& pattern : repository.exclusions) {
    auto& one = out.emplace_back();
    one.filterType = api::ImageTagMutabilityExclusionFilterTypeValues::WILDCARD;
    one.filter = pattern;
  }
  return out;
}

void set_mutability(registry::Repository& repository, const std::string& setting,
                    const ExclusionFilters& filters) {
  const bool excluding = setting.find("_WITH_EXCLUSION") != std::string::npos;
  const bool given = filters && !filters->empty();
  if (excluding != given)
    throw api::InvalidParameterException(
        fmt::format("Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy "
                    "constraint: 'exclusion filters must {} for imageTagMutability {}'",
                    excluding ? "be given" : "not be given", setting));
  repository.mutability = setting;
  repository.exclusions.clear();
  if (given)
    for (const auto& one : *filters) repository.exclusions.push_back(*one.filter);
}

void add_repository_settings(Ecr& self, Rows& rows) {
  rows.push_back(row<api::op::PutImageTagMutability>(self, put_image_tag_mutability));
  rows.push_back(
      row<api::op::PutImageScanningConfiguration>(self, put_image_scanning_configuration));
  rows.push_back(row<api::op::SetRepositoryPolicy>(self, set_repository_policy));
  rows.push_back(row<api::op::GetRepositoryPolicy>(self, get_repository_policy));
  rows.push_back(row<api::op::DeleteRepositoryPolicy>(self, delete_repository_policy));
  rows.push_back(row<api::op::PutLifecyclePolicy>(self, put_lifecycle_policy));
  rows.push_back(row<api::op::GetLifecyclePolicy>(self, get_lifecycle_policy));
  rows.push_back(row<api::op::DeleteLifecyclePolicy>(self, delete_lifecycle_policy));
}

}  // namespace slipway::ecr
