// Users and their access keys, and what the caller may ask about itself.
#include "aws/credentials.h"
#include "aws/op.h"
#include "base/strings.h"
#include "iam/api.h"
#include "iam/operations.h"
#include "iam/records.h"

namespace slipway::iam {
namespace {

constexpr size_t kMaxKeys = 2;

model::User get_user_record(const store::Reader& db, const std::string& name) {
  auto user = kUsers.get(db, to_lower(name));
  if (!user)
    throw model::NoSuchEntityException(fmt::format("The user with name {} cannot be found.", name));
  return *user;
}

// The name given, or the calling user's own.
std::string user_name(const aws::Context& c, const std::optional<std::string>& given) {
  if (given) return *given;
  if (c.principal_arn.find(":user/") != std::string::npos) return name_of_arn(c.principal_arn);
  throw aws::ServiceError("ValidationError", 400,
                          "Must specify userName when calling with non-User credentials");
}

model::GetUserResponse get_user(Iam&, aws::Context& c, const model::GetUserRequest& in) {
  if (!in.UserName && c.principal_arn.ends_with(":root"))
    return {.User = model::User{.UserId = c.account, .Arn = c.principal_arn, .CreateDate = c.now}};
  return {.User = get_user_record(*c.db, user_name(c, in.UserName))};
}

model::CreateUserResponse create_user(Iam&, aws::Context& c, const model::CreateUserRequest& in) {
  if (kUsers.get(*c.db, to_lower(*in.UserName)))
    throw model::EntityAlreadyExistsException(
        fmt::format("User with name {} already exists.", *in.UserName));
  const std::string path = in.Path.value_or("/");
  model::User user{.Path = path,
                   .UserName = in.UserName,
                   .UserId = aws::make_unique_id("AIDA"),
                   .Arn = arn_of(c.account, "user", path, *in.UserName),
                   .CreateDate = c.now};
  add_tags(user.Tags, in.Tags);
  kUsers.put(*c.db, to_lower(*in.UserName), user);
  return {.User = user};
}

model::DeleteUserResponse delete_user(Iam&, aws::Context& c, const model::DeleteUserRequest& in) {
  auto user = get_user_record(*c.db, *in.UserName);
  if (!aws::user_keys(*c.db, *user.UserName).empty())
    throw model::DeleteConflictException("Cannot delete entity, must delete access keys first.");
  kUsers.erase(*c.db, to_lower(*in.UserName));
  return {};
}

model::ListUsersResponse list_users(Iam&, aws::Context& c, const model::ListUsersRequest& in) {
  std::vector<model::User> users;
  for (auto& user : kUsers.scan(*c.db)) {
    if (!user->Path->starts_with(in.PathPrefix.value_or("/"))) continue;
    users.push_back(*user);
    users.back().Tags.reset();
  }
  model::ListUsersResponse out;
  fill_page(
      "iam.users", in, users, [](auto& u) { return to_lower(*u.UserName); }, out.Users, out);
  return out;
}

model::CreateAccessKeyResponse create_key(Iam&, aws::Context& c,
                                          const model::CreateAccessKeyRequest& in) {
  auto user = get_user_record(*c.db, user_name(c, in.UserName));
  if (aws::user_keys(*c.db, *user.UserName).size() >= kMaxKeys)
    throw model::LimitExceededException(
        fmt::format("Cannot exceed quota for AccessKeysPerUser: {}", kMaxKeys));
  auto key = aws::make_user_key(*c.db, *user.Arn, *user.UserId, *user.UserName, c.now);
  return {.AccessKey = model::AccessKey{.UserName = user.UserName,
                                        .AccessKeyId = key.access_key_id,
                                        .Status = "Active",
                                        .SecretAccessKey = key.secret_access_key,
                                        .CreateDate = c.now}};
}

// The key must be the user's: nobody changes another's (or root's) through this name.
aws::Credential own_key(const aws::Context& c, const std::optional<std::string>& given,
                        const std::string& id) {
  const std::string name = *get_user_record(*c.db, user_name(c, given)).UserName;
  for (auto& key : aws::user_keys(*c.db, name))
    if (key.access_key_id == id) return key;
  throw model::NoSuchEntityException(fmt::format("The Access Key with id {} cannot be found.", id));
}

model::DeleteAccessKeyResponse delete_key(Iam&, aws::Context& c,
                                          const model::DeleteAccessKeyRequest& in) {
  aws::erase_key(*c.db, own_key(c, in.UserName, *in.AccessKeyId).access_key_id);
  return {};
}

model::UpdateAccessKeyResponse update_key(Iam&, aws::Context& c,
                                          const model::UpdateAccessKeyRequest& in) {
  if (*in.Status != "Active" && *in.Status != "Inactive")
    throw aws::ServiceError("ValidationError", 400, "Status must be Active or Inactive.");
  aws::set_key_active(*c.db, own_key(c, in.UserName, *in.AccessKeyId).access_key_id,
                      *in.Status == "Active");
  return {};
}

model::ListAccessKeysResponse list_keys(Iam&, aws::Context& c,
                                        const model::ListAccessKeysRequest& in) {
  auto user = get_user_record(*c.db, user_name(c, in.UserName));
  std::vector<model::AccessKeyMetadata> keys;
  for (auto& key : aws::user_keys(*c.db, *user.UserName))
    keys.push_back({.UserName = user.UserName,
                    .AccessKeyId = key.access_key_id,
                    .Status = key.active ? "Active" : "Inactive",
                    .CreateDate = key.created});
  return {.AccessKeyMetadata = keys, .IsTruncated = false};
}

}  // namespace

void add_users(Iam& self, std::vector<aws::Operation>& rows) {
  namespace op = model::op;
  rows.insert(rows.end(),
              {aws::op<op::GetUser>(self, get_user), aws::op<op::CreateUser>(self, create_user),
               aws::op<op::DeleteUser>(self, delete_user), aws::op<op::ListUsers>(self, list_users),
               aws::op<op::CreateAccessKey>(self, create_key),
               aws::op<op::DeleteAccessKey>(self, delete_key),
               aws::op<op::UpdateAccessKey>(self, update_key),
               aws::op<op::ListAccessKeys>(self, list_keys)});
}

}  // namespace slipway::iam
