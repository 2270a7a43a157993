#include "sts/api.h"

#include "aws/credentials.h"
#include "aws/gen/sts.h"
#include "aws/op.h"
#include "base/strings.h"
#include "iam/roles.h"

namespace slipway::sts {
namespace {

namespace model = aws::sts;

constexpr int kRoleSeconds = 3600;
constexpr int kSessionSeconds = 43'200;

model::Credentials shown(const aws::Credential& c) {
  return {.AccessKeyId = c.access_key_id,
          .SecretAccessKey = c.secret_access_key,
          .SessionToken = c.session_token,
          .Expiration = *c.expires};
}

model::GetCallerIdentityResponse get_caller_identity(Sts&, aws::Context& c,
                                                     const model::GetCallerIdentityRequest&) {
  return {.UserId = c.user_id, .Account = c.account, .Arn = c.principal_arn};
}

[[noreturn]] void deny(const aws::Context& c, std::string_view action,
                       const std::string& resource) {
  throw aws::ServiceError("AccessDenied", 403,
                          fmt::format("User: {} is not authorized to perform: {} on resource: {}",
                                      c.principal_arn, action, resource));
}

// Who may assume a role is not evaluated yet: every principal of the account may.
model::AssumeRoleResponse assume_role(Sts&, aws::Context& c, const model::AssumeRoleRequest& in) {
  auto parts = split(*in.RoleArn, ':');
  if (parts.size() != 6 || parts[0] != "arn" || parts[2] != "iam" || !parts[5].starts_with("role/"))
    throw aws::ServiceError("ValidationError", 400, *in.RoleArn + " is invalid");
  auto role = iam::find_role(*c.db, *in.RoleArn);
  if (!role) deny(c, "sts:AssumeRole", *in.RoleArn);
  const int wanted = in.DurationSeconds.value_or(kRoleSeconds);
  if (wanted > role->MaxSessionDuration.value_or(kRoleSeconds))
    throw aws::ServiceError(
        "ValidationError", 400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  auto session = aws::mint_session(*c.db, *in.RoleArn, *in.RoleSessionName, seconds(wanted), c.now,
                                   *role->RoleId);
  model::AssumeRoleResponse out;
  out.Credentials = shown(session);
  out.AssumedRoleUser = {.AssumedRoleId = session.user_id, .Arn = session.principal_arn};
  out.SourceIdentity = in.SourceIdentity;
  return out;
}

model::GetSessionTokenResponse get_session_token(Sts&, aws::Context& c,
                                                 const model::GetSessionTokenRequest& in) {
  auto caller = aws::find_credential(*c.db, c.access_key_id);
  if (!caller || caller->temporary())
    throw aws::ServiceError("AccessDenied", 403,
                            "Cannot call GetSessionToken with session credentials");
  // AWS gives root at most an hour.
  const bool root = c.principal_arn.ends_with(":root");
  const int wanted =
      std::min(in.DurationSeconds.value_or(kSessionSeconds), root ? kRoleSeconds : 129'600);
  auto session = aws::mint_session_of(*c.db, c.principal_arn, c.user_id, seconds(wanted), c.now);
  return {.Credentials = shown(session)};
}

model::GetAccessKeyInfoResponse get_access_key_info(Sts&, aws::Context& c,
                                                    const model::GetAccessKeyInfoRequest& in) {
  if (!aws::find_credential(*c.db, *in.AccessKeyId))
    throw aws::ServiceError("InvalidClientTokenId", 403,
                            "The security token included in the request is invalid.");
  return {.Account = c.account};
}

}  // namespace

aws::Service service(Sts& self) {
  namespace op = model::op;
  return {"sts",
          {
              aws::op<op::GetCallerIdentity>(self, get_caller_identity),
              aws::op<op::AssumeRole>(self, assume_role),
              aws::op<op::GetSessionToken>(
                  self, get_session_token,
                  aws::OperationOptions{.transaction = aws::Transaction::write}),
              aws::op<op::GetAccessKeyInfo>(self, get_access_key_info),
          }};
}

}  // namespace slipway::sts
