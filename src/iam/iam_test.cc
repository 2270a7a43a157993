// IAM over its wire protocol: what is made can be read back, what is in use cannot be deleted, and
// errors carry AWS's codes and words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/testing.h"
#include "codec/form.h"
#include "codec/xml.h"
#include "iam/api.h"
#include "iam/roles.h"

namespace slipway::iam {
namespace {

using ::testing::HasSubstr;

constexpr const char* kTrust =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]})";
constexpr const char* kAllow =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}})";
constexpr const char* kManaged =
    "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

class IamTest : public ::testing::Test {
 protected:
  IamTest() { front.dispatcher.add(service(self)); }

  aws::testing::FakeExchange send(const std::string& action, Pairs fields) {
    fields.insert(fields.begin(), {{"Action", action}, {"Version", "2010-05-08"}});
    return front.query("iam", encode_query(fields));
  }
  // The <XResult> of a call that must succeed.
  XmlNode call(const std::string& action, const Pairs& fields) {
    auto e = send(action, fields);
    EXPECT_EQ(e.status, 200) << e.reply;
    auto root = parse_xml(e.reply);
    EXPECT_EQ(root.name, action + "Response");
    const auto* result = root.child(action + "Result");
    return result ? *result : XmlNode();
  }
  // "404 NoSuchEntity: text"
  std::string failure(const std::string& action, const Pairs& fields) {
    auto e = send(action, fields);
    if (e.status == 200) return "success";
    auto error = *parse_xml(e.reply).child("Error");
    return fmt::format("{} {}: {}", e.status, error.child_text("Code"),
                       error.child_text("Message"));
  }
  XmlNode make_role(const std::string& name = "app") {
    return *call("CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", kTrust}})
                .child("Role");
  }
  static std::vector<std::string> names(const XmlNode& list, std::string_view child) {
    std::vector<std::string> out;
    for (auto& item : list.children)
      out.push_back(child.empty() ? item.text : item.child_text(child));
    return out;
  }

  Iam self;
  aws::testing::Front front;
};

TEST_F(IamTest, ARoleComesBackAsItWasMade) {
  call("CreateRole", {{"RoleName", "app"},
                      {"Path", "/team/"},
                      {"AssumeRolePolicyDocument", kTrust},
                      {"Description", "d"},
                      {"Tags.member.1.Key", "env"},
                      {"Tags.member.1.Value", "test"}});
  auto role = *call("GetRole", {{"RoleName", "app"}}).child("Role");
  EXPECT_EQ(role.child_text("Arn"), "arn:aws:iam::123456789012:role/team/app");
  EXPECT_EQ(role.child_text("AssumeRolePolicyDocument"), percent_encode(kTrust));
  EXPECT_TRUE(role.child_text("RoleId").starts_with("AROA"));
  EXPECT_EQ(role.child_text("RoleId").size(), 21u);
  EXPECT_EQ(role.child_text("MaxSessionDuration"), "3600");
  EXPECT_EQ(role.child_text("CreateDate"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(names(*role.child("Tags"), "Value"), std::vector<std::string>{"test"});
  front.store->read([](const store::Reader& db) {
    EXPECT_TRUE(role_exists(db, "arn:aws:iam::123456789012:role/team/app"));
    EXPECT_FALSE(role_exists(db, "arn:aws:iam::123456789012:role/app"));
    EXPECT_FALSE(role_exists(db, "arn:aws:iam::999999999999:role/team/app"));
    EXPECT_FALSE(role_exists(db, "app"));
  });
}

TEST_F(IamTest, RolesAreUniqueWithoutRegardToCase) {
  make_role("App");
  EXPECT_EQ(failure("CreateRole", {{"RoleName", "aPP"}, {"AssumeRolePolicyDocument", kTrust}}),
            "409 EntityAlreadyExists: Role with name aPP already exists.");
  EXPECT_EQ(failure("GetRole", {{"RoleName", "other"}}),
            "404 NoSuchEntity: The role with name other cannot be found.");
}

TEST_F(IamTest, RefusesWhatIsNoPolicy) {
  auto with = [&](const std::string& document) {
    return failure("CreateRole", {{"RoleName", "app"}, {"AssumeRolePolicyDocument", document}});
  };
  EXPECT_EQ(with("{"), "400 MalformedPolicyDocument: This policy contains invalid Json");
  EXPECT_THAT(with("[]"), HasSubstr("MalformedPolicyDocument"));
  EXPECT_THAT(with(R"({"Statement":[]})"), HasSubstr("MalformedPolicyDocument"));
  EXPECT_THAT(with(R"({"Statement":[5]})"), HasSubstr("MalformedPolicyDocument"));
  EXPECT_THAT(with(kAllow), HasSubstr("must specify a principal"));
  make_role();
  EXPECT_THAT(failure("PutRolePolicy",
                      {{"RoleName", "app"}, {"PolicyName", "p"}, {"PolicyDocument", kTrust}}),
              HasSubstr("should not specify a principal"));
}

TEST_F(IamTest, RefusesWhatTheModelForbids) {
  EXPECT_EQ(failure("GetRole", {}),
            "400 ValidationError: 1 validation error detected: Value null at 'roleName' failed to "
            "satisfy constraint: Member must not be null");
  EXPECT_THAT(failure("GetRole", {{"RoleName", std::string(65, 'a')}}),
              HasSubstr("Member must have length less than or equal to 64"));
  EXPECT_THAT(failure("GetRole", {{"RoleName", "a b"}}),
              HasSubstr("Member must satisfy regular expression pattern"));
}

TEST_F(IamTest, InlinePolicies) {
  make_role();
  const Pairs which{{"RoleName", "app"}, {"PolicyName", "p"}};
  call("PutRolePolicy", {{"RoleName", "app"}, {"PolicyName", "p"}, {"PolicyDocument", kAllow}});
  EXPECT_EQ(call("GetRolePolicy", which).child_text("PolicyDocument"), percent_encode(kAllow));
  auto list = call("ListRolePolicies", {{"RoleName", "app"}});
  EXPECT_EQ(names(*list.child("PolicyNames"), ""), std::vector<std::string>{"p"});
  EXPECT_EQ(list.child_text("IsTruncated"), "false");
  EXPECT_EQ(failure("DeleteRole", {{"RoleName", "app"}}),
            "409 DeleteConflict: Cannot delete entity, must delete policies first.");
  call("DeleteRolePolicy", which);
  EXPECT_EQ(failure("GetRolePolicy", which),
            "404 NoSuchEntity: The role policy with name p cannot be found.");
}

TEST_F(IamTest, AttachedPolicies) {
  make_role();
  const Pairs attach{{"RoleName", "app"}, {"PolicyArn", kManaged}};
  call("AttachRolePolicy", attach);
  call("AttachRolePolicy", attach);  // again: no change
  auto list = call("ListAttachedRolePolicies", {{"RoleName", "app"}});
  EXPECT_EQ(names(*list.child("AttachedPolicies"), "PolicyName"),
            std::vector<std::string>{"AmazonECSTaskExecutionRolePolicy"});
  EXPECT_EQ(failure("DeleteRole", {{"RoleName", "app"}}),
            "409 DeleteConflict: Cannot delete entity, must detach all policies first.");
  EXPECT_THAT(
      failure("AttachRolePolicy",
              {{"RoleName", "app"}, {"PolicyArn", "arn:aws:iam::123456789012:policy/nothing"}}),
      HasSubstr("404 NoSuchEntity"));
  call("DetachRolePolicy", attach);
  EXPECT_THAT(failure("DetachRolePolicy", attach), HasSubstr("404 NoSuchEntity"));
  call("DeleteRole", {{"RoleName", "app"}});
  EXPECT_THAT(failure("GetRole", {{"RoleName", "app"}}), HasSubstr("NoSuchEntity"));
}

TEST_F(IamTest, PoliciesHaveVersions) {
  auto made =
      *call("CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", kAllow}}).child("Policy");
  const std::string arn = made.child_text("Arn");
  EXPECT_EQ(arn, "arn:aws:iam::123456789012:policy/p");
  EXPECT_THAT(failure("CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", kAllow}}),
              HasSubstr("409 EntityAlreadyExists"));
  for (int i = 0; i < 4; ++i)
    call("CreatePolicyVersion",
         {{"PolicyArn", arn}, {"PolicyDocument", kAllow}, {"SetAsDefault", "true"}});
  EXPECT_THAT(failure("CreatePolicyVersion", {{"PolicyArn", arn}, {"PolicyDocument", kAllow}}),
              HasSubstr("409 LimitExceeded"));
  auto versions = *call("ListPolicyVersions", {{"PolicyArn", arn}}).child("Versions");
  EXPECT_EQ(names(versions, "VersionId"), (std::vector<std::string>{"v5", "v4", "v3", "v2", "v1"}));
  EXPECT_EQ(names(versions, "IsDefaultVersion")[0], "true");
  EXPECT_EQ(call("GetPolicy", {{"PolicyArn", arn}}).child("Policy")->child_text("DefaultVersionId"),
            "v5");
  EXPECT_THAT(failure("DeletePolicyVersion", {{"PolicyArn", arn}, {"VersionId", "v5"}}),
              HasSubstr("409 DeleteConflict"));
  EXPECT_THAT(failure("DeletePolicy", {{"PolicyArn", arn}}), HasSubstr("409 DeleteConflict"));
  for (const char* id : {"v1", "v2", "v3", "v4"})
    call("DeletePolicyVersion", {{"PolicyArn", arn}, {"VersionId", id}});
  auto version = call("GetPolicyVersion", {{"PolicyArn", arn}, {"VersionId", "v5"}});
  EXPECT_EQ(version.child("PolicyVersion")->child_text("Document"), percent_encode(kAllow));
  make_role();
  call("AttachRolePolicy", {{"RoleName", "app"}, {"PolicyArn", arn}});
  EXPECT_EQ(call("GetPolicy", {{"PolicyArn", arn}}).child("Policy")->child_text("AttachmentCount"),
            "1");
  EXPECT_THAT(failure("DeletePolicy", {{"PolicyArn", arn}}), HasSubstr("attached to entities"));
  call("DetachRolePolicy", {{"RoleName", "app"}, {"PolicyArn", arn}});
  call("DeletePolicy", {{"PolicyArn", arn}});
}

TEST_F(IamTest, AwsPoliciesCanBeRead) {
  auto policy = *call("GetPolicy", {{"PolicyArn", kManaged}}).child("Policy");
  EXPECT_EQ(policy.child_text("Path"), "/service-role/");
  EXPECT_THAT(failure("GetPolicy", {{"PolicyArn", "arn:aws:iam::aws:policy/NoSuchPolicyAtAll"}}),
              HasSubstr("404 NoSuchEntity"));
  EXPECT_THAT(failure("DeletePolicy", {{"PolicyArn", kManaged}}), HasSubstr("404 NoSuchEntity"));
}

TEST_F(IamTest, InstanceProfilesHoldOneRole) {
  make_role();
  make_role("other");
  call("CreateInstanceProfile", {{"InstanceProfileName", "ip"}});
  const Pairs add{{"InstanceProfileName", "ip"}, {"RoleName", "app"}};
  call("AddRoleToInstanceProfile", add);
  EXPECT_THAT(
      failure("AddRoleToInstanceProfile", {{"InstanceProfileName", "ip"}, {"RoleName", "other"}}),
      HasSubstr("409 LimitExceeded"));
  auto profile =
      *call("GetInstanceProfile", {{"InstanceProfileName", "ip"}}).child("InstanceProfile");
  EXPECT_EQ(names(*profile.child("Roles"), "RoleName"), std::vector<std::string>{"app"});
  auto list = call("ListInstanceProfilesForRole", {{"RoleName", "app"}});
  EXPECT_EQ(names(*list.child("InstanceProfiles"), "InstanceProfileName"),
            std::vector<std::string>{"ip"});
  EXPECT_THAT(failure("DeleteRole", {{"RoleName", "app"}}), HasSubstr("409 DeleteConflict"));
  EXPECT_THAT(failure("DeleteInstanceProfile", {{"InstanceProfileName", "ip"}}),
              HasSubstr("409 DeleteConflict"));
  call("RemoveRoleFromInstanceProfile", add);
  call("DeleteInstanceProfile", {{"InstanceProfileName", "ip"}});
}

TEST_F(IamTest, TagsAreMergedWithoutRegardToCase) {
  make_role();
  call("TagRole", {{"RoleName", "app"}, {"Tags.member.1.Key", "a"}, {"Tags.member.1.Value", "1"}});
  call("TagRole", {{"RoleName", "app"},
                   {"Tags.member.1.Key", "A"},
                   {"Tags.member.1.Value", "2"},
                   {"Tags.member.2.Key", "b"},
                   {"Tags.member.2.Value", ""}});
  auto tags = *call("ListRoleTags", {{"RoleName", "app"}}).child("Tags");
  EXPECT_EQ(names(tags, "Value"), (std::vector<std::string>{"2", ""}));
  call("UntagRole", {{"RoleName", "app"}, {"TagKeys.member.1", "a"}});
  EXPECT_EQ(names(*call("ListRoleTags", {{"RoleName", "app"}}).child("Tags"), "Key"),
            std::vector<std::string>{"b"});
}

TEST_F(IamTest, ListsInPages) {
  for (const char* name : {"c", "a", "b"}) make_role(name);
  auto first = call("ListRoles", {{"MaxItems", "2"}});
  EXPECT_EQ(names(*first.child("Roles"), "RoleName"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(first.child_text("IsTruncated"), "true");
  auto second = call("ListRoles", {{"MaxItems", "2"}, {"Marker", first.child_text("Marker")}});
  EXPECT_EQ(names(*second.child("Roles"), "RoleName"), std::vector<std::string>{"c"});
  EXPECT_EQ(second.child("Marker"), nullptr);
  EXPECT_THAT(failure("ListRoles", {{"Marker", "made-up"}}), HasSubstr("400 ValidationError"));
}

TEST_F(IamTest, ServiceLinkedRoles) {
  auto role =
      *call("CreateServiceLinkedRole", {{"AWSServiceName", "ecs.amazonaws.com"}}).child("Role");
  EXPECT_EQ(role.child_text("Arn"),
            "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/"
            "AWSServiceRoleForECS");
  EXPECT_THAT(failure("CreateServiceLinkedRole", {{"AWSServiceName", "ecs.amazonaws.com"}}),
              HasSubstr("400 InvalidInput: Service role name AWSServiceRoleForECS has been taken"));
  EXPECT_THAT(failure("DeleteRole", {{"RoleName", "AWSServiceRoleForECS"}}),
              HasSubstr("UnmodifiableEntity"));
  auto task = call("DeleteServiceLinkedRole", {{"RoleName", "AWSServiceRoleForECS"}});
  EXPECT_EQ(call("GetServiceLinkedRoleDeletionStatus",
                 {{"DeletionTaskId", task.child_text("DeletionTaskId")}})
                .child_text("Status"),
            "SUCCEEDED");
}

TEST_F(IamTest, UsersSignWithTheirOwnKeys) {
  EXPECT_EQ(call("GetUser", {}).child("User")->child_text("Arn"), "arn:aws:iam::123456789012:root");
  call("CreateUser", {{"UserName", "ann"}});
  auto made = *call("CreateAccessKey", {{"UserName", "ann"}}).child("AccessKey");
  const auto root = front.key;
  front.key.access_key_id = made.child_text("AccessKeyId");
  front.key.secret_access_key = made.child_text("SecretAccessKey");
  EXPECT_EQ(call("GetUser", {}).child("User")->child_text("UserName"), "ann");
  front.key = root;
  EXPECT_THAT(failure("DeleteUser", {{"UserName", "ann"}}), HasSubstr("409 DeleteConflict"));
  EXPECT_THAT(
      failure("DeleteAccessKey", {{"UserName", "ann"}, {"AccessKeyId", root.access_key_id}}),
      HasSubstr("404 NoSuchEntity"));
  const Pairs which{{"UserName", "ann"}, {"AccessKeyId", made.child_text("AccessKeyId")}};
  call("UpdateAccessKey", {which[0], which[1], {"Status", "Inactive"}});
  auto keys = *call("ListAccessKeys", {{"UserName", "ann"}}).child("AccessKeyMetadata");
  EXPECT_EQ(names(keys, "Status"), std::vector<std::string>{"Inactive"});
  call("DeleteAccessKey", which);
  call("DeleteUser", {{"UserName", "ann"}});
}

}  // namespace
}  // namespace slipway::iam
