// Instance profiles: the holders through which EC2 instances get their role.
#include "aws/credentials.h"
#include "aws/op.h"
#include "base/strings.h"
#include "iam/api.h"
#include "iam/operations.h"
#include "iam/records.h"

namespace slipway::iam {
namespace {

model::InstanceProfile shown(const store::Reader& db, const ProfileRecord& record) {
  model::InstanceProfile profile = record.profile;
  profile.Roles.emplace();
  for (auto& name : record.roles) {
    model::Role role = get_role_record(db, name).role;
    role.AssumeRolePolicyDocument = url_encoded(role.AssumeRolePolicyDocument);
    role.Tags.reset();
    profile.Roles->push_back(role);
  }
  return profile;
}

model::CreateInstanceProfileResponse create_profile(Iam&, aws::Context& c,
                                                    const model::CreateInstanceProfileRequest& in) {
  if (kProfiles.get(*c.db, to_lower(*in.InstanceProfileName)))
    throw model::EntityAlreadyExistsException(
        fmt::format("Instance Profile {} already exists.", *in.InstanceProfileName));
  const std::string path = in.Path.value_or("/");
  ProfileRecord record;
  record.profile = {.Path = path,
                    .InstanceProfileName = in.InstanceProfileName,
                    .InstanceProfileId = aws::make_unique_id("AIPA"),
                    .Arn = arn_of(c.account, "instance-profile", path, *in.InstanceProfileName),
                    .CreateDate = c.now};
  add_tags(record.profile.Tags, in.Tags);
  put_profile(*c.db, record);
  return {.InstanceProfile = shown(*c.db, record)};
}

model::GetInstanceProfileResponse get_profile(Iam&, aws::Context& c,
                                              const model::GetInstanceProfileRequest& in) {
  return {.InstanceProfile = shown(*c.db, get_profile_record(*c.db, *in.InstanceProfileName))};
}

model::DeleteInstanceProfileResponse delete_profile(Iam&, aws::Context& c,
                                                    const model::DeleteInstanceProfileRequest& in) {
  if (!get_profile_record(*c.db, *in.InstanceProfileName).roles.empty())
    throw model::DeleteConflictException(
        "Cannot delete entity, must remove roles from instance profile first.");
  kProfiles.erase(*c.db, to_lower(*in.InstanceProfileName));
  return {};
}

model::ListInstanceProfilesResponse list_profiles(Iam&, aws::Context& c,
                                                  const model::ListInstanceProfilesRequest& in) {
  std::vector<model::InstanceProfile> profiles;
  for (auto& record : kProfiles.scan(*c.db))
    if (record->profile.Path->starts_with(in.PathPrefix.value_or("/")))
      profiles.push_back(shown(*c.db, *record));
  model::ListInstanceProfilesResponse out;
  fill_page(
      "iam.profiles", in, profiles, [](auto& p) { return to_lower(*p.InstanceProfileName); },
      out.InstanceProfiles, out);
  return out;
}

model::ListInstanceProfilesForRoleResponse list_for_role(
    Iam&, aws::Context& c, const model::ListInstanceProfilesForRoleRequest& in) {
  get_role_record(*c.db, *in.RoleName);
  std::vector<model::InstanceProfile> profiles;
  for (auto& record : kProfiles.scan(*c.db))
    if (std::ranges::any_of(record->roles,
                            [&](const std::string& name) { return iequals(name, *in.RoleName); }))
      profiles.push_back(shown(*c.db, *record));
  model::ListInstanceProfilesForRoleResponse out;
  fill_page(
      "iam.role-profiles", in, profiles, [](auto& p) { return to_lower(*p.InstanceProfileName); },
      out.InstanceProfiles, out);
  return out;
}

model::AddRoleToInstanceProfileResponse add_role(Iam&, aws::Context& c,
                                                 const model::AddRoleToInstanceProfileRequest& in) {
  auto record = get_profile_record(*c.db, *in.InstanceProfileName);
  auto role = get_role_record(*c.db, *in.RoleName);
  if (!record.roles.empty())
    throw model::LimitExceededException(
        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
  record.roles.push_back(*role.role.RoleName);
  put_profile(*c.db, record);
  return {};
}

model::RemoveRoleFromInstanceProfileResponse remove_role(
    Iam&, aws::Context& c, const model::RemoveRoleFromInstanceProfileRequest& in) {
  auto record = get_profile_record(*c.db, *in.InstanceProfileName);
  if (!std::erase_if(record.roles,
                     [&](const std::string& name) { return iequals(name, *in.RoleName); }))
    throw model::NoSuchEntityException(
        fmt::format("The role with name {} cannot be found.", *in.RoleName));
  put_profile(*c.db, record);
  return {};
}

model::TagInstanceProfileResponse tag_profile(Iam&, aws::Context& c,
                                              const model::TagInstanceProfileRequest& in) {
  auto record = get_profile_record(*c.db, *in.InstanceProfileName);
  add_tags(record.profile.Tags, in.Tags);
  put_profile(*c.db, record);
  return {};
}

model::UntagInstanceProfileResponse untag_profile(Iam&, aws::Context& c,
                                                  const model::UntagInstanceProfileRequest& in) {
  auto record = get_profile_record(*c.db, *in.InstanceProfileName);
  remove_tags(record.profile.Tags, *in.TagKeys);
  put_profile(*c.db, record);
  return {};
}

model::ListInstanceProfileTagsResponse list_profile_tags(
    Iam&, aws::Context& c, const model::ListInstanceProfileTagsRequest& in) {
  Tags tags = get_profile_record(*c.db, *in.InstanceProfileName).profile.Tags.value_or(Tags());
  std::ranges::sort(tags, {}, [](auto& t) { return *t.Key; });
  model::ListInstanceProfileTagsResponse out;
  fill_page(
      "iam.profile-tags", in, tags, [](auto& t) { return *t.Key; }, out.Tags, out);
  return out;
}

}  // namespace

void add_profiles(Iam& self, std::vector<aws::Operation>& rows) {
  namespace op = model::op;
  rows.insert(rows.end(), {aws::op<op::CreateInstanceProfile>(self, create_profile),
                           aws::op<op::GetInstanceProfile>(self, get_profile),
                           aws::op<op::DeleteInstanceProfile>(self, delete_profile),
                           aws::op<op::ListInstanceProfiles>(self, list_profiles),
                           aws::op<op::ListInstanceProfilesForRole>(self, list_for_role),
                           aws::op<op::AddRoleToInstanceProfile>(self, add_role),
                           aws::op<op::RemoveRoleFromInstanceProfile>(self, remove_role),
                           aws::op<op::TagInstanceProfile>(self, tag_profile),
                           aws::op<op::UntagInstanceProfile>(self, untag_profile),
                           aws::op<op::ListInstanceProfileTags>(self, list_profile_tags)});
}

}  // namespace slipway::iam
