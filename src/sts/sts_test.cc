// STS over its wire protocol. Assuming a role that exists is tried with real clients
// (daemon/front_door_test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/testing.h"
#include "codec/form.h"
#include "codec/xml.h"
#include "sts/api.h"

namespace slipway::sts {
namespace {

using ::testing::HasSubstr;

class StsTest : public ::testing::Test {
 protected:
  StsTest() { front.dispatcher.add(service(self)); }
  aws::testing::FakeExchange send(const std::string& action, Pairs fields = {}) {
    fields.insert(fields.begin(), {{"Action", action}, {"Version", "2011-06-15"}});
    return front.query("sts", encode_query(fields));
  }
  Sts self;
  aws::testing::Front front;
};

TEST_F(StsTest, NamesTheCaller) {
  auto root = parse_xml(send("GetCallerIdentity").reply);
  auto* result = root.child("GetCallerIdentityResult");
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->child_text("Arn"), "arn:aws:iam::123456789012:root");
  EXPECT_EQ(result->child_text("UserId"), "123456789012");
}

TEST_F(StsTest, ASessionTokenIsTheSameCallerForAWhile) {
  auto root = parse_xml(send("GetSessionToken", {{"DurationSeconds", "900"}}).reply);
  auto given = *root.child("GetSessionTokenResult")->child("Credentials");
  EXPECT_EQ(given.child_text("Expiration"), "2023-11-14T22:28:20Z");
  front.key.access_key_id = given.child_text("AccessKeyId");
  front.key.secret_access_key = given.child_text("SecretAccessKey");
  front.key.session_token = given.child_text("SessionToken");
  EXPECT_THAT(send("GetCallerIdentity").reply, HasSubstr("123456789012:root"));
  auto again = send("GetSessionToken");
  EXPECT_EQ(again.status, 403);
  EXPECT_THAT(again.reply, HasSubstr("<Code>AccessDenied</Code>"));
}

TEST_F(StsTest, ARoleThatIsNotThereCannotBeAssumed) {
  auto e = send("AssumeRole",
                {{"RoleArn", "arn:aws:iam::123456789012:role/nobody"}, {"RoleSessionName", "one"}});
  EXPECT_EQ(e.status, 403);
  EXPECT_THAT(e.reply, HasSubstr("is not authorized to perform: sts:AssumeRole on resource: "
                                 "arn:aws:iam::123456789012:role/nobody"));
  EXPECT_THAT(send("AssumeRole",
                   {{"RoleArn", "arn:aws:iam::123456789012:user/x"}, {"RoleSessionName", "one"}})
                  .reply,
              HasSubstr("ValidationError"));
  EXPECT_THAT(send("AssumeRole",
                   {{"RoleArn", "arn:aws:iam::123456789012:role/x"}, {"RoleSessionName", "a/b"}})
                  .reply,
              HasSubstr("roleSessionName"));
}

}  // namespace
}  // namespace slipway::sts
