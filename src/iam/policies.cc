// Managed policies and their versions. The account's own are stored; of AWS's own, the few that
// container roles use can be read.
#include "aws/credentials.h"
#include "aws/op.h"
#include "base/error.h"
#include "base/strings.h"
#include "iam/api.h"
#include "iam/operations.h"
#include "iam/records.h"

namespace slipway::iam {
namespace {

constexpr size_t kMaxVersions = 5;

struct AwsPolicy {
  std::string_view path_and_name;
  std::string_view document;
};
constexpr AwsPolicy kAwsPolicies[] = {
    {"/service-role/AmazonECSTaskExecutionRolePolicy",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]})"},
    {"/AdministratorAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"/AmazonEC2ContainerRegistryReadOnly",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Resource":"*"}]})"},
};

int32_t attachments(const store::Reader& db, const std::string& arn) {
  int32_t count = 0;
  for (auto& role : kRoles.scan(db))
    count += static_cast<int32_t>(std::ranges::count(role->attached, arn));
  return count;
}

std::optional<PolicyRecord> aws_policy(const std::string& arn) {
  for (auto& known : kAwsPolicies) {
    if (arn != fmt::format("arn:aws:iam::aws:policy{}", known.path_and_name)) continue;
    const TimePoint when = parse_rfc3339("2015-02-06T18:40:00Z");
    PolicyRecord record;
    const std::string path(known.path_and_name.substr(0, known.path_and_name.rfind('/') + 1));
    record.policy = {.PolicyName = name_of_arn(arn),
                     .PolicyId = "ANPA" + to_upper(name_of_arn(arn)).substr(0, 17),
                     .Arn = arn,
                     .Path = path,
                     .DefaultVersionId = "v1",
                     .PermissionsBoundaryUsageCount = 0,
                     .IsAttachable = true,
                     .CreateDate = when,
                     .UpdateDate = when};
    record.versions = {{.Document = std::string(known.document),
                        .VersionId = "v1",
                        .IsDefaultVersion = true,
                        .CreateDate = when}};
    return record;
  }
  return std::nullopt;
}

PolicyRecord any_policy(const store::Reader& db, const std::string& arn) {
  if (auto known = aws_policy(arn)) return *known;
  return get_policy_record(db, arn);
}

model::Policy shown(const store::Reader& db, const PolicyRecord& record) {
  model::Policy policy = record.policy;
  policy.AttachmentCount = attachments(db, *policy.Arn);
  return policy;
}

model::CreatePolicyResponse create_policy(Iam&, aws::Context& c,
                                          const model::CreatePolicyRequest& in) {
  for (auto& record : kPolicies.scan(*c.db))
    if (iequals(*record->policy.PolicyName, *in.PolicyName))
      throw model::EntityAlreadyExistsException(fmt::format(
          "A policy called {} already exists. Duplicate names are not allowed.", *in.PolicyName));
  check_document(*in.PolicyDocument, Document::identity);
  const std::string path = in.Path.value_or("/");
  PolicyRecord record;
  record.policy = {.PolicyName = in.PolicyName,
                   .PolicyId = aws::make_unique_id("ANPA"),
                   .Arn = arn_of(c.account, "policy", path, *in.PolicyName),
                   .Path = path,
                   .DefaultVersionId = "v1",
                   .PermissionsBoundaryUsageCount = 0,
                   .IsAttachable = true,
                   .Description = in.Description,
                   .CreateDate = c.now,
                   .UpdateDate = c.now};
  add_tags(record.policy.Tags, in.Tags);
  record.versions = {{.Document = in.PolicyDocument,
                      .VersionId = "v1",
                      .IsDefaultVersion = true,
                      .CreateDate = c.now}};
  kPolicies.put(*c.db, *record.policy.Arn, record);
  model::Policy policy = shown(*c.db, record);
  policy.Description.reset();  // AWS tells it in GetPolicy only
  return {.Policy = policy};
}

model::GetPolicyResponse get_policy(Iam&, aws::Context& c, const model::GetPolicyRequest& in) {
  return {.Policy = shown(*c.db, any_policy(*c.db, *in.PolicyArn))};
}

model::DeletePolicyResponse delete_policy(Iam&, aws::Context& c,
                                          const model::DeletePolicyRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  if (attachments(*c.db, *in.PolicyArn))
    throw model::DeleteConflictException("Cannot delete a policy attached to entities.");
  if (record.versions.size() > 1)
    throw model::DeleteConflictException(
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy.");
  kPolicies.erase(*c.db, *in.PolicyArn);
  return {};
}

model::ListPoliciesResponse list_policies(Iam&, aws::Context& c,
                                          const model::ListPoliciesRequest& in) {
  std::vector<model::Policy> policies;
  auto add = [&](const PolicyRecord& record) {
    model::Policy policy = shown(*c.db, record);
    if (!policy.Path->starts_with(in.PathPrefix.value_or("/"))) return;
    if (in.OnlyAttached.value_or(false) && *policy.AttachmentCount == 0) return;
    policy.Tags.reset();
    policies.push_back(policy);
  };
  const std::string scope = in.Scope.value_or("All");
  if (scope != "AWS")
    for (auto& record : kPolicies.scan(*c.db)) add(*record);
  if (scope != "Local")
    for (auto& known : kAwsPolicies)
      add(*aws_policy(fmt::format("arn:aws:iam::aws:policy{}", known.path_and_name)));
  std::ranges::sort(policies, {}, [](auto& p) { return *p.Arn; });
  model::ListPoliciesResponse out;
  fill_page(
      "iam.policies", in, policies, [](auto& p) { return *p.Arn; }, out.Policies, out);
  return out;
}

model::ListEntitiesForPolicyResponse list_entities(Iam&, aws::Context& c,
                                                   const model::ListEntitiesForPolicyRequest& in) {
  if (!aws_managed(*in.PolicyArn)) get_policy_record(*c.db, *in.PolicyArn);
  std::vector<model::PolicyRole> roles;
  for (auto& record : kRoles.scan(*c.db))
    if (std::ranges::count(record->attached, *in.PolicyArn))
      roles.push_back({.RoleName = record->role.RoleName, .RoleId = record->role.RoleId});
  model::ListEntitiesForPolicyResponse out;
  fill_page(
      "iam.entities", in, roles, [](auto& r) { return to_lower(*r.RoleName); }, out.PolicyRoles,
      out);
  out.PolicyGroups.emplace();
  out.PolicyUsers.emplace();
  return out;
}

std::vector<model::PolicyVersion>::iterator find_version(PolicyRecord& record,
                                                         const std::string& id) {
  auto found = std::ranges::find_if(
      record.versions, [&](const model::PolicyVersion& v) { return v.VersionId == id; });
  if (found == record.versions.end())
    throw model::NoSuchEntityException(fmt::format(
        "Policy {} version {} does not exist or is not attachable.", *record.policy.Arn, id));
  return found;
}

void make_default(PolicyRecord& record, const std::string& id) {
  for (auto& version : record.versions) version.IsDefaultVersion = version.VersionId == id;
  record.policy.DefaultVersionId = id;
}

model::CreatePolicyVersionResponse create_version(Iam&, aws::Context& c,
                                                  const model::CreatePolicyVersionRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  check_document(*in.PolicyDocument, Document::identity);
  if (record.versions.size() >= kMaxVersions)
    throw model::LimitExceededException(
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version.");
  const std::string id = fmt::format("v{}", record.next_version++);
  record.versions.insert(record.versions.begin(), {.Document = in.PolicyDocument,
                                                   .VersionId = id,
                                                   .IsDefaultVersion = false,
                                                   .CreateDate = c.now});
  if (in.SetAsDefault.value_or(false)) make_default(record, id);
  record.policy.UpdateDate = c.now;
  kPolicies.put(*c.db, *in.PolicyArn, record);
  model::PolicyVersion version = record.versions.front();
  version.Document.reset();
  return {.PolicyVersion = version};
}

model::GetPolicyVersionResponse get_version(Iam&, aws::Context& c,
                                            const model::GetPolicyVersionRequest& in) {
  auto record = any_policy(*c.db, *in.PolicyArn);
  model::PolicyVersion version = *find_version(record, *in.VersionId);
  version.Document = url_encoded(version.Document);
  return {.PolicyVersion = version};
}

model::DeletePolicyVersionResponse delete_version(Iam&, aws::Context& c,
                                                  const model::DeletePolicyVersionRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  auto version = find_version(record, *in.VersionId);
  if (*version->IsDefaultVersion)
    throw model::DeleteConflictException("Cannot delete the default version of a policy.");
  record.versions.erase(version);
  kPolicies.put(*c.db, *in.PolicyArn, record);
  return {};
}

model::ListPolicyVersionsResponse list_versions(Iam&, aws::Context& c,
                                                const model::ListPolicyVersionsRequest& in) {
  auto record = any_policy(*c.db, *in.PolicyArn);
  for (auto& version : record.versions) version.Document.reset();
  return {.Versions = record.versions, .IsTruncated = false};
}

model::SetDefaultPolicyVersionResponse set_default(
    Iam&, aws::Context& c, const model::SetDefaultPolicyVersionRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  make_default(record, *find_version(record, *in.VersionId)->VersionId);
  record.policy.UpdateDate = c.now;
  kPolicies.put(*c.db, *in.PolicyArn, record);
  return {};
}

model::TagPolicyResponse tag_policy(Iam&, aws::Context& c, const model::TagPolicyRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  add_tags(record.policy.Tags, in.Tags);
  kPolicies.put(*c.db, *in.PolicyArn, record);
  return {};
}

model::UntagPolicyResponse untag_policy(Iam&, aws::Context& c,
                                        const model::UntagPolicyRequest& in) {
  auto record = get_policy_record(*c.db, *in.PolicyArn);
  remove_tags(record.policy.Tags, *in.TagKeys);
  kPolicies.put(*c.db, *in.PolicyArn, record);
  return {};
}

model::ListPolicyTagsResponse list_policy_tags(Iam&, aws::Context& c,
                                               const model::ListPolicyTagsRequest& in) {
  Tags tags = any_policy(*c.db, *in.PolicyArn).policy.Tags.value_or(Tags());
  std::ranges::sort(tags, {}, [](auto& t) { return *t.Key; });
  model::ListPolicyTagsResponse out;
  fill_page(
      "iam.policy-tags", in, tags, [](auto& t) { return *t.Key; }, out.Tags, out);
  return out;
}

}  // namespace

void add_policies(Iam& self, std::vector<aws::Operation>& rows) {
  namespace op = model::op;
  rows.insert(
      rows.end(),
      {aws::op<op::CreatePolicy>(self, create_policy), aws::op<op::GetPolicy>(self, get_policy),
       aws::op<op::DeletePolicy>(self, delete_policy),
       aws::op<op::ListPolicies>(self, list_policies),
       aws::op<op::ListEntitiesForPolicy>(self, list_entities),
       aws::op<op::CreatePolicyVersion>(self, create_version),
       aws::op<op::GetPolicyVersion>(self, get_version),
       aws::op<op::DeletePolicyVersion>(self, delete_version),
       aws::op<op::ListPolicyVersions>(self, list_versions),
       aws::op<op::SetDefaultPolicyVersion>(self, set_default),
       aws::op<op::TagPolicy>(self, tag_policy), aws::op<op::UntagPolicy>(self, untag_policy),
       aws::op<op::ListPolicyTags>(self, list_policy_tags)});
}

}  // namespace slipway::iam
