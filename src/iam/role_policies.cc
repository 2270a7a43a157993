// Policies of a role: inline ones, and attached ones.
#include "aws/op.h"
#include "iam/api.h"
#include "iam/operations.h"
#include "iam/records.h"

namespace slipway::iam {
namespace {

model::PutRolePolicyResponse put_role_policy(Iam&, aws::Context& c,
                                             const model::PutRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  check_document(*in.PolicyDocument, Document::identity);
  record.inline_policies[*in.PolicyName] = *in.PolicyDocument;
  put_role(*c.db, record);
  return {};
}

[[noreturn]] void no_such_policy(const std::string& name) {
  throw model::NoSuchEntityException(
      fmt::format("The role policy with name {} cannot be found.", name));
}

model::GetRolePolicyResponse get_role_policy(Iam&, aws::Context& c,
                                             const model::GetRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  auto found = record.inline_policies.find(*in.PolicyName);
  if (found == record.inline_policies.end()) no_such_policy(*in.PolicyName);
  return {.RoleName = record.role.RoleName,
          .PolicyName = found->first,
          .PolicyDocument = url_encoded(found->second)};
}

model::DeleteRolePolicyResponse delete_role_policy(Iam&, aws::Context& c,
                                                   const model::DeleteRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  if (!record.inline_policies.erase(*in.PolicyName)) no_such_policy(*in.PolicyName);
  put_role(*c.db, record);
  return {};
}

model::ListRolePoliciesResponse list_role_policies(Iam&, aws::Context& c,
                                                   const model::ListRolePoliciesRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  std::vector<std::string> names;
  for (auto& [name, document] : record.inline_policies) names.push_back(name);
  model::ListRolePoliciesResponse out;
  fill_page(
      "iam.role-policies", in, names, [](auto& n) { return n; }, out.PolicyNames, out);
  return out;
}

// AWS's own policies are taken by name: their list is AWS's and changes.
model::AttachRolePolicyResponse attach_role_policy(Iam&, aws::Context& c,
                                                   const model::AttachRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  if (!aws_managed(*in.PolicyArn) && !kPolicies.get(*c.db, *in.PolicyArn))
    throw model::NoSuchEntityException(
        fmt::format("Policy {} does not exist or is not attachable.", *in.PolicyArn));
  if (std::ranges::find(record.attached, *in.PolicyArn) != record.attached.end()) return {};
  record.attached.push_back(*in.PolicyArn);
  put_role(*c.db, record);
  return {};
}

model::DetachRolePolicyResponse detach_role_policy(Iam&, aws::Context& c,
                                                   const model::DetachRolePolicyRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  if (std::erase(record.attached, *in.PolicyArn) == 0)
    throw model::NoSuchEntityException(fmt::format("Policy {} was not found.", *in.PolicyArn));
  put_role(*c.db, record);
  return {};
}

model::ListAttachedRolePoliciesResponse list_attached(
    Iam&, aws::Context& c, const model::ListAttachedRolePoliciesRequest& in) {
  auto record = get_role_record(*c.db, *in.RoleName);
  std::vector<model::AttachedPolicy> policies;
  for (auto& arn : record.attached) {
    // A customer's path stands in its record, one of AWS's between "policy" and the name.
    const size_t from = arn.find("/"), to = arn.rfind('/');
    if (arn.substr(from, to - from + 1).starts_with(in.PathPrefix.value_or("/")))
      policies.push_back({.PolicyName = name_of_arn(arn), .PolicyArn = arn});
  }
  std::ranges::sort(policies, {}, [](auto& p) { return *p.PolicyArn; });
  model::ListAttachedRolePoliciesResponse out;
  fill_page(
      "iam.attached", in, policies, [](auto& p) { return *p.PolicyArn; }, out.AttachedPolicies,
      out);
  return out;
}

}  // namespace

void add_role_policies(Iam& self, std::vector<aws::Operation>& rows) {
  namespace op = model::op;
  rows.insert(rows.end(), {aws::op<op::PutRolePolicy>(self, put_role_policy),
                           aws::op<op::GetRolePolicy>(self, get_role_policy),
                           aws::op<op::DeleteRolePolicy>(self, delete_role_policy),
                           aws::op<op::ListRolePolicies>(self, list_role_policies),
                           aws::op<op::AttachRolePolicy>(self, attach_role_policy),
                           aws::op<op::DetachRolePolicy>(self, detach_role_policy),
                           aws::op<op::ListAttachedRolePolicies>(self, list_attached)});
}

}  // namespace slipway::iam
