// The dispatcher's steps: who is let in, what is refused and how each protocol says it.
#include "aws/dispatcher.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/gen/ec2.h"
#include "aws/gen/ecs.h"
#include "aws/gen/sts.h"
#include "aws/op.h"
#include "aws/testing.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/form.h"
#include "codec/json.h"

namespace slipway::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kEcs = "AmazonEC2ContainerServiceV20141113.";
constexpr const char* kWhoAmI = "Action=GetCallerIdentity&Version=2011-06-15";

struct Self {
  std::function<void(Context&)> in_create = [](Context&) {};
  std::function<void(Context&)> in_list = [](Context&) {};
};

ecs::CreateClusterResponse create_cluster(Self& self, Context& c,
                                          const ecs::CreateClusterRequest& in) {
  c.db->put("test.clusters", in.clusterName.value_or("default"), "{}");
  self.in_create(c);
  return {.cluster = ecs::Cluster{.clusterArn = c.arn("ecs", "cluster/a")}};
}
ecs::ListClustersResponse list_clusters(Self& self, Context& c, const ecs::ListClustersRequest&) {
  self.in_list(c);
  ecs::ListClustersResponse out;
  out.clusterArns.emplace();
  for (auto& row : c.db->scan("test.clusters")) out.clusterArns->push_back(row.key);
  return out;
}
ec2::DescribeVpcsResult describe_vpcs(Self&, Context&, const ec2::DescribeVpcsRequest&) {
  throw ServiceError("InvalidVpcID.NotFound", 400, "The vpc ID 'vpc-1' does not exist");
}
sts::GetCallerIdentityResponse who(Self&, Context& c, const sts::GetCallerIdentityRequest&) {
  return {.UserId = c.user_id, .Account = c.account, .Arn = c.principal_arn};
}

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    front.dispatcher.add({"ecs",
                          {op<ecs::op::CreateCluster>(self, create_cluster),
                           op<ecs::op::ListClusters>(self, list_clusters)}});
    front.dispatcher.add({"ec2", {op<ec2::op::DescribeVpcs>(self, describe_vpcs)}});
    front.dispatcher.add({"sts", {op<sts::op::GetCallerIdentity>(self, who)}});
  }
  auto ecs_call(const std::string& operation, const std::string& body = "{}") {
    return front.json(kEcs + operation, body);
  }
  static std::string error(const testing::FakeExchange& e) {
    return fmt::format("{} {}", e.status, Json::parse(e.reply).value("__type", "none"));
  }
  Self self;
  testing::Front front;
};

TEST_F(DispatcherTest, RunsAnOperation) {
  auto e = ecs_call("CreateCluster", R"({"clusterName":"a","laterMember":1})");
  EXPECT_EQ(e.status, 200) << e.reply;
  EXPECT_EQ(e.reply,
            R"({"cluster":{"clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/a"}})");
  EXPECT_EQ(e.headers.get("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(e.headers.get("x-amzn-requestid").size(), 36u);
  EXPECT_EQ(ecs_call("ListClusters", "").reply, R"({"clusterArns":["a"]})");
}

TEST_F(DispatcherTest, RegionComesFromTheScope) {
  front.region = "eu-central-1";
  EXPECT_THAT(ecs_call("CreateCluster").reply, HasSubstr("ecs:eu-central-1:"));
}

TEST_F(DispatcherTest, UndoesAWriteThatThrows) {
  self.in_create = [](Context&) { throw ecs::ClientException("no"); };
  auto e = ecs_call("CreateCluster", R"({"clusterName":"a"})");
  EXPECT_EQ(e.status, 400);
  EXPECT_EQ(e.reply, R"({"__type":"ClientException","message":"no"})");
  EXPECT_EQ(ecs_call("ListClusters").reply, R"({"clusterArns":[]})");
}

TEST_F(DispatcherTest, AReadCannotWrite) {
  self.in_list = [](Context& c) { c.db->put("t", "k", "{}"); };
  EXPECT_EQ(error(ecs_call("ListClusters")), "500 ServerException");
}

TEST_F(DispatcherTest, MapsErrorsByMeaning) {
  auto with = [&](std::function<void(Context&)> fn) {
    self.in_create = std::move(fn);
    return error(ecs_call("CreateCluster"));
  };
  EXPECT_EQ(with([](Context&) { throw invalid_argument("x"); }), "400 InvalidParameterException");
  EXPECT_EQ(with([](Context&) { throw not_found("x"); }), "400 ResourceNotFoundException");
  EXPECT_EQ(with([](Context&) { throw unimplemented("x"); }), "501 NotImplementedException");
  EXPECT_EQ(with([](Context&) { throw unavailable("x"); }), "503 ServiceUnavailableException");
  EXPECT_EQ(with([](Context&) { throw internal("x"); }), "500 ServerException");
  EXPECT_EQ(with([](Context&) { throw std::logic_error("secret detail"); }), "500 ServerException");
  EXPECT_EQ(ecs_call("CreateCluster").reply.find("secret detail"), std::string::npos);
}

TEST_F(DispatcherTest, TellsUnimplementedFromUnknown) {
  auto e = ecs_call("RunTask", R"({"taskDefinition":"x"})");
  EXPECT_EQ(error(e), "501 NotImplementedException");
  EXPECT_THAT(e.reply, HasSubstr("ecs.RunTask"));
  EXPECT_EQ(error(ecs_call("CreateDaemon")), "501 NotImplementedException");
  EXPECT_EQ(error(ecs_call("MakeCoffee")), "400 UnknownOperationException");
  EXPECT_EQ(error(front.json("AmazonSSM.GetParameter", "{}")), "400 UnknownOperationException");
  auto q = front.query("ec2", "Action=CreateVpc&Version=2016-11-15");
  EXPECT_EQ(q.status, 501);
  EXPECT_THAT(q.reply, HasSubstr("<Response><Errors><Error><Code>NotImplemented</Code>"));
  q = front.query("ec2", "Action=MakeCoffee&Version=2016-11-15");
  EXPECT_EQ(q.status, 400);
  EXPECT_THAT(q.reply, HasSubstr("<Code>InvalidAction</Code>"));
}

TEST_F(DispatcherTest, AnswersQueriesInXml) {
  auto e = front.query("sts", kWhoAmI);
  EXPECT_EQ(e.status, 200) << e.reply;
  EXPECT_THAT(e.reply, StartsWith("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/"
                                  "doc/2011-06-15/\"><GetCallerIdentityResult>"));
  EXPECT_THAT(e.reply, HasSubstr("<Arn>arn:aws:iam::123456789012:root</Arn>"));
  e = front.query("ec2", "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1");
  EXPECT_EQ(e.status, 400);
  EXPECT_THAT(e.reply, HasSubstr("<Code>InvalidVpcID.NotFound</Code>"));
}

TEST_F(DispatcherTest, RefusesOtherVersionsAndMissingActions) {
  auto classic =
      front.query("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2012-06-01");
  EXPECT_EQ(classic.status, 400);
  EXPECT_THAT(classic.reply, HasSubstr("Could not find operation DescribeLoadBalancers for "
                                       "version 2012-06-01"));
  EXPECT_THAT(front.query("sts", "Version=2011-06-15").reply, HasSubstr("MissingAction"));
  EXPECT_THAT(front.query("sts", "Action=%zz").reply, HasSubstr("MalformedQueryString"));
}

TEST_F(DispatcherTest, RefusesMalformedAndInvalidInput) {
  EXPECT_EQ(error(ecs_call("CreateCluster", "{")), "400 SerializationException");
  EXPECT_EQ(error(ecs_call("CreateCluster", R"({"clusterName":1})")), "400 SerializationException");
  auto e = front.json(std::string(kEcs) + "CreateCluster", R"({"tags":[{"key":""}]})");
  EXPECT_EQ(error(e), "400 InvalidParameterException") << e.reply;
}

TEST_F(DispatcherTest, RefusesHugeBodies) {
  auto e = ecs_call("CreateCluster", std::string(9u << 20, ' '));
  EXPECT_EQ(error(e), "413 RequestEntityTooLargeException");
}

TEST_F(DispatcherTest, LetsNobodyInUnsigned) {
  auto json = testing::Front::plain("application/x-amz-json-1.1");
  json.headers.add("X-Amz-Target", std::string(kEcs) + "ListClusters");
  EXPECT_EQ(error(front.send_as_is(json, "{}")), "400 MissingAuthenticationTokenException");
  auto form = front.send_as_is(
      testing::Front::plain("application/x-www-form-urlencoded; charset=utf-8"), kWhoAmI);
  EXPECT_EQ(form.status, 403);
  EXPECT_THAT(form.reply, HasSubstr("<Code>MissingAuthenticationToken</Code>"));
}

TEST_F(DispatcherTest, RefusesWrongKeysInEachProtocolsWords) {
  const Credential right = front.key;
  front.key.secret_access_key = "wrong";
  EXPECT_EQ(error(ecs_call("ListClusters")), "400 InvalidSignatureException");
  auto sts = front.query("sts", kWhoAmI);
  EXPECT_EQ(sts.status, 403);
  EXPECT_THAT(sts.reply, HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
  auto ec2 = front.query("ec2", "Action=DescribeVpcs&Version=2016-11-15");
  EXPECT_EQ(ec2.status, 401);
  EXPECT_THAT(ec2.reply, HasSubstr("<Code>AuthFailure</Code>"));
  front.key = right;
  front.key.access_key_id = "AKIANOBODY";
  EXPECT_EQ(error(ecs_call("ListClusters")), "400 UnrecognizedClientException");
  EXPECT_THAT(front.query("sts", kWhoAmI).reply, HasSubstr("<Code>InvalidClientTokenId</Code>"));
  front.key = right;
  front.key.session_token = "made up";
  EXPECT_EQ(error(ecs_call("ListClusters")), "400 UnrecognizedClientException");
}

TEST_F(DispatcherTest, TheScopeMustNameTheService) {
  auto request = testing::Front::plain("application/x-amz-json-1.1");
  request.headers.add("X-Amz-Target", std::string(kEcs) + "ListClusters");
  EXPECT_EQ(error(front.send(request, "{}", "ecr")), "400 InvalidSignatureException");
}

TEST_F(DispatcherTest, SessionsWorkUntilTheyEnd) {
  front.store->write([&](store::Writer& db) {
    front.key = mint_session(db, "arn:aws:iam::123456789012:role/path/app", "one", seconds(900),
                             front.clock.now());
  });
  auto e = front.query("sts", kWhoAmI);
  EXPECT_THAT(e.reply, HasSubstr("arn:aws:sts::123456789012:assumed-role/app/one")) << e.reply;
  const std::string token = std::exchange(front.key.session_token, "");
  EXPECT_THAT(front.query("sts", kWhoAmI).reply, HasSubstr("InvalidClientTokenId"));
  front.key.session_token = token;
  front.clock.advance(seconds(900));
  e = front.query("sts", kWhoAmI);
  EXPECT_EQ(e.status, 403);
  EXPECT_THAT(e.reply, HasSubstr("<Code>ExpiredToken</Code>"));
  EXPECT_EQ(error(ecs_call("ListClusters")), "400 ExpiredTokenException");
}

TEST_F(DispatcherTest, InactiveKeysAreUnknown) {
  front.store->write(
      [&](store::Writer& db) { set_key_active(db, front.key.access_key_id, false); });
  EXPECT_EQ(error(ecs_call("ListClusters")), "400 UnrecognizedClientException");
}

TEST_F(DispatcherTest, PresignedGetsWork) {
  net::Request request;
  request.method = "GET";
  request.path = "/";
  request.headers = {{"Host", "127.0.0.1:4566"}};
  Claim claim{.access_key_id = front.key.access_key_id,
              .date = "20231114",
              .region = "us-east-1",
              .service = "sts",
              .signed_headers = {"host"},
              .signature = {},
              .time_text = "20231114T221320Z",
              .session_token = {},
              .presigned = true,
              .expires = seconds(60)};
  request.query = fmt::format(
      "{}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires=60&"
      "X-Amz-SignedHeaders=host",
      kWhoAmI, percent_encode(front.key.access_key_id + "/20231114/us-east-1/sts/aws4_request"),
      claim.time_text);
  const std::string canonical = canonical_request(
      claim, request, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  request.query +=
      "&X-Amz-Signature=" + signature_of(claim, canonical, front.key.secret_access_key);
  auto e = front.send_as_is(request, "");
  EXPECT_EQ(e.status, 200) << e.reply;
}

TEST_F(DispatcherTest, CountsWhatIsThereAndWhatIsMissing) {
  for (auto& c : front.dispatcher.coverage()) {
    if (c.service != "ecs") continue;
    EXPECT_EQ(c.implemented, (std::vector<std::string>{"CreateCluster", "ListClusters"}));
    EXPECT_EQ(c.implemented.size() + c.missing.size(), 77u);
  }
  EXPECT_THROW(front.dispatcher.add({"ecs", {op<ec2::op::DescribeVpcs>(self, describe_vpcs)}}),
               Error);
}

TEST(AuditLog, WritesALinePerCall) {
  const std::string path = fmt::format("/tmp/slipway-audit-test-{}", ::getpid());
  Finally clean([&] { std::filesystem::remove(path); });
  auto store = store::open_memory();
  TestClock clock;
  Dispatcher dispatcher({.store = *store, .clock = clock, .audit_path = path});
  auto request = testing::Front::plain("application/x-amz-json-1.1");
  request.headers.add("X-Amz-Target", std::string(kEcs) + "List\"Clusters");
  testing::FakeExchange exchange(request);
  dispatcher.handle(exchange);
  auto lines = split(std::string(trim(read_file(path))), '\n');
  ASSERT_EQ(lines.size(), 1u);
  auto line = Json::parse(lines[0]);
  EXPECT_EQ(line["service"], "ecs");
  EXPECT_EQ(line["operation"], "List\"Clusters");
  EXPECT_EQ(line["error"], "MissingAuthenticationTokenException");
  EXPECT_EQ(line["status"], 400);
  EXPECT_EQ(line["requestId"], std::string(exchange.headers.get("x-amzn-requestid")));
}

}  // namespace
}  // namespace slipway::aws
