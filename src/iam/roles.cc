// Roles themselves: create, read, change, delete, tags, service-linked roles.
#include "iam/roles.h"

#include "aws/credentials.h"
#include "aws/op.h"
#include "base/ids.h"
#include "base/strings.h"
#include "iam/api.h"
#include "iam/operations.h"
#include "iam/records.h"

namespace slipway::iam {
namespace {

constexpr int kMaxSessionSeconds = 3600;

// As replies carry it. Lists leave out tags and boundary.
model::Role shown(const RoleRecord& record, bool in_list = false) {
  model::Role role = record.role;
  role.AssumeRolePolicyDocument = url_encoded(role.AssumeRolePolicyDocument);
  if (in_list) {
    role.Tags.reset();
    role.PermissionsBoundary.reset();
  } else {
    role.RoleLastUsed.emplace();
  }
  return role;
}

RoleRecord new_role(aws::Context& c, const std::string& path, const std::string& name,
                    const std::string& document) {
  RoleRecord record;
  record.role = {.Path = path,
                 .RoleName = name,
                 .RoleId = aws::make_unique_id("AROA"),
                 .Arn = arn_of(c.account, "role", path, name),
                 .CreateDate = c.now,
                 .AssumeRolePolicyDocument = document,
                 .MaxSessionDuration = kMaxSessionSeconds};
  return record;
}

model::AttachedPermissionsBoundary boundary(const std::string& arn) {
  return {.PermissionsBoundaryType = "Policy", .PermissionsBoundaryArn = arn};
}

model::CreateRoleResponse create_role(Iam&, aws::Context& c, const model::CreateRoleRequest& in) {
  if (kRoles.get(*c.db, to_lower(*in.RoleName)))
    throw model::EntityAlreadyExistsException(
        fmt::format("Role with name {} already exists.", *in.RoleName));
  check_document(*in.AssumeRolePolicyDocument, Document::trust);
  RoleRecord record =
      new_role(c, in.Path.value_or("/"), *in.RoleName, *in.AssumeRolePolicyDocument);
  record.role.Description = in.Description;
  if (in.MaxSessionDuration) record.role.MaxSessionDuration = in.MaxSessionDuration;
  if (in.PermissionsBoundary) record.role.PermissionsBoundary = boundary(*in.PermissionsBoundary);
  add_tags(record.role.Tags, in.Tags);
  put_role(*c.db, record);
  model::CreateRoleResponse out{.Role = shown(record)};
  out.Role->RoleLastUsed.reset();
  return out;
}

model::GetRoleResponse get_role(Iam&, aws::Context& c, const model::GetRoleRequest& in) {
  return {.Role = shown(get_role_record(*c.db, *in.RoleName))};
}

model::ListRolesResponse list_roles(Iam&, aws::Context& c, const model::ListRolesRequest& in) {
  std::vector<model::Role> roles;
  for (auto& record : kRoles.scan(*c.db))
    if (record->role.Path->starts_with(in.PathPrefix.value_or("/")))
      roles.push_back(shown(*record, true));
  model::ListRolesResponse out;
  fill_page(
      "iam.roles", in, roles, [](auto& r) { return to_lower(*r.RoleName); }, out.Roles, out);
  return out;
}

void refuse_service_linked(const RoleRecord& record) {
  if (record.role.Path->starts_with("/aws-service-role/"))
    throw model::UnmodifiableEntityException(
        fmt::format("Cannot perform the operation on the protected role '{}' - this role is only "
                    "modifiable by AWS",
                    *record.role.RoleName));
}

void refuse_if_in_use(const store::Reader& db, const RoleRecord& record) {
  if (!record.attached.empty())
    throw model::DeleteConflictException("Cannot delete entity, must detach all policies first.");
  if (!record.inline_policies.empty())
    throw model::DeleteConflictException("Cannot delete entity, must delete policies first.");
  for (auto& profile : kProfiles.scan(db))
    for (auto& name : profile->roles)
      if (iequals(name, *record.role.RoleName))
        throw model::DeleteConflictException(
            "Cannot delete entity, must remove roles from instance profile first.");
}

model::DeleteRoleResponse delete_role(Iam&, aws::Context& c, const model::DeleteRoleRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  refuse_service_linked(record);
  refuse_if_in_use(*c.db, record);
  kRoles.erase(*c.db, to_lower(*in.RoleName));
  return {};
}

model::UpdateRoleResponse update_role(Iam&, aws::Context& c, const model::UpdateRoleRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  refuse_service_linked(record);
  if (in.Description) record.role.Description = in.Description;
  if (in.MaxSessionDuration) record.role.MaxSessionDuration = in.MaxSessionDuration;
  put_role(*c.db, record);
  return {};
}

model::UpdateRoleDescriptionResponse update_role_description(
    Iam&, aws::Context& c, const model::UpdateRoleDescriptionRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  record.role.Description = in.Description;
  put_role(*c.db, record);
  return {.Role = shown(record)};
}

model::UpdateAssumeRolePolicyResponse update_assume_role_policy(
    Iam&, aws::Context& c, const model::UpdateAssumeRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  refuse_service_linked(record);
  check_document(*in.PolicyDocument, Document::trust);
  record.role.AssumeRolePolicyDocument = in.PolicyDocument;
  put_role(*c.db, record);
  return {};
}

model::PutRolePermissionsBoundaryResponse put_boundary(
    Iam&, aws::Context& c, const model::PutRolePermissionsBoundaryRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  if (!aws_managed(*in.PermissionsBoundary)) get_policy_record(*c.db, *in.PermissionsBoundary);
  record.role.PermissionsBoundary = boundary(*in.PermissionsBoundary);
  put_role(*c.db, record);
  return {};
}

model::DeleteRolePermissionsBoundaryResponse delete_boundary(
    Iam&, aws::Context& c, const model::DeleteRolePermissionsBoundaryRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  record.role.PermissionsBoundary.reset();
  put_role(*c.db, record);
  return {};
}

model::TagRoleResponse tag_role(Iam&, aws::Context& c, const model::TagRoleRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  add_tags(record.role.Tags, in.Tags);
  put_role(*c.db, record);
  return {};
}

model::UntagRoleResponse untag_role(Iam&, aws::Context& c, const model::UntagRoleRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  remove_tags(record.role.Tags, *in.TagKeys);
  put_role(*c.db, record);
  return {};
}

model::ListRoleTagsResponse list_role_tags(Iam&, aws::Context& c,
                                           const model::ListRoleTagsRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  Tags tags = record.role.Tags.value_or(Tags());
  std::ranges::sort(tags, {}, [](auto& t) { return *t.Key; });
  model::ListRoleTagsResponse out;
  fill_page(
      "iam.role-tags", in, tags, [](auto& t) { return *t.Key; }, out.Tags, out);
  return out;
}

// The names AWS gives them; other services' have none here.
std::string service_linked_name(const std::string& service) {
  static const std::map<std::string, std::string> kNames{
      {"ecs.amazonaws.com", "AWSServiceRoleForECS"},
      {"elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"},
      {"autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"},
      {"ecs.application-autoscaling.amazonaws.com",
       "AWSServiceRoleForApplicationAutoScaling_ECSService"},
      {"replication.ecr.amazonaws.com", "AWSServiceRoleForECRReplication"},
      {"pullthroughcache.ecr.amazonaws.com", "AWSServiceRoleForECRPullThroughCache"},
      {"servicediscovery.amazonaws.com", "AWSServiceRoleForServiceDiscovery"},
      {"ec2.amazonaws.com", "AWSServiceRoleForEC2"},
  };
  auto found = kNames.find(service);
  if (found == kNames.end())
    throw model::InvalidInputException(
        fmt::format("{} is not a service that Slipway makes a linked role for.", service));
  return found->second;
}

model::CreateServiceLinkedRoleResponse create_service_linked_role(
    Iam&, aws::Context& c, const model::CreateServiceLinkedRoleRequest& in) {
  std::string name = service_linked_name(*in.AWSServiceName);
  if (in.CustomSuffix) name += "_" + *in.CustomSuffix;
  if (kRoles.get(*c.db, to_lower(name)))
    throw model::InvalidInputException(fmt::format(
        "Service role name {} has been taken in this account, please try a different suffix.",
        name));
  const Json document = {{"Version", "2012-10-17"},
                         {"Statement",
                          {{{"Action", {"sts:AssumeRole"}},
                            {"Effect", "Allow"},
                            {"Principal", {{"Service", {*in.AWSServiceName}}}}}}}};
  RoleRecord record =
      new_role(c, "/aws-service-role/" + *in.AWSServiceName + "/", name, document.dump());
  record.role.Description = in.Description;
  put_role(*c.db, record);
  return {.Role = shown(record)};
}

model::DeleteServiceLinkedRoleResponse delete_service_linked_role(
    Iam&, aws::Context& c, const model::DeleteServiceLinkedRoleRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  if (!record.role.Path->starts_with("/aws-service-role/"))
    throw model::InvalidInputException(
        fmt::format("{} is not a service-linked role.", *in.RoleName));
  kRoles.erase(*c.db, to_lower(*in.RoleName));
  // The role is gone already; the id says so to GetServiceLinkedRoleDeletionStatus.
  return {.DeletionTaskId =
              fmt::format("task{}{}/{}", *record.role.Path, *record.role.RoleName, random_uuid())};
}

model::GetServiceLinkedRoleDeletionStatusResponse get_deletion_status(
    Iam&, aws::Context& c, const model::GetServiceLinkedRoleDeletionStatusRequest& in) {
  auto parts = split(*in.DeletionTaskId, '/');
  if (parts.size() != 5 || parts[0] != "task" || parts[1] != "aws-service-role")
    throw model::NoSuchEntityException(
        fmt::format("Deletion task {} cannot be found.", *in.DeletionTaskId));
  const bool there = kRoles.get(*c.db, to_lower(parts[3])) != nullptr;
  return {.Status = there ? "NOT_STARTED" : "SUCCEEDED"};
}

}  // namespace

void add_roles(Iam& self, std::vector<aws::Operation>& rows) {
  namespace op = model::op;
  rows.insert(rows.end(),
              {aws::op<op::CreateRole>(self, create_role), aws::op<op::GetRole>(self, get_role),
               aws::op<op::ListRoles>(self, list_roles), aws::op<op::DeleteRole>(self, delete_role),
               aws::op<op::UpdateRole>(self, update_role),
               aws::op<op::UpdateRoleDescription>(self, update_role_description),
               aws::op<op::UpdateAssumeRolePolicy>(self, update_assume_role_policy),
               aws::op<op::PutRolePermissionsBoundary>(self, put_boundary),
               aws::op<op::DeleteRolePermissionsBoundary>(self, delete_boundary),
               aws::op<op::TagRole>(self, tag_role), aws::op<op::UntagRole>(self, untag_role),
               aws::op<op::ListRoleTags>(self, list_role_tags),
               aws::op<op::CreateServiceLinkedRole>(self, create_service_linked_role),
               aws::op<op::DeleteServiceLinkedRole>(self, delete_service_linked_role),
               aws::op<op::GetServiceLinkedRoleDeletionStatus>(self, get_deletion_status)});
}

}  // namespace slipway::iam
