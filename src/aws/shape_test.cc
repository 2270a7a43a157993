// Generated shapes: rows of typed functions, and the form in which shapes are stored.
#include "aws/shape.h"

#include <gtest/gtest.h>

#include "aws/gen/ec2.h"
#include "aws/gen/ecs.h"
#include "aws/gen/elb.h"
#include "aws/op.h"
#include "base/error.h"
#include "codec/json.h"

namespace slipway::aws {
namespace {

struct Counted {
  int calls = 0;
};

ecs::CreateClusterResponse count_call(Counted& self, Context&,
                                      const ecs::CreateClusterRequest& in) {
  ++self.calls;
  ecs::CreateClusterResponse out;
  out.cluster.emplace().clusterName = in.clusterName;
  return out;
}

TEST(Op, CallsATypedFunctionThroughAnUntypedRow) {
  Counted self;
  auto row = op<ecs::op::CreateCluster>(self, count_call);
  EXPECT_EQ(row.name, "CreateCluster");
  EXPECT_EQ(row.transaction, Transaction::write);
  ecs::CreateClusterRequest in{.clusterName = "a"};
  ecs::CreateClusterResponse out;
  auto store = store::open_memory();
  Context context{*store};
  row.call(context, &in, &out);
  EXPECT_EQ(out.cluster->clusterName, "a");
  EXPECT_EQ(self.calls, 1);
}

TEST(Op, ReadsNeedNoWriteTransaction) {
  EXPECT_EQ(transaction_of("DescribeClusters", Transaction::automatic), Transaction::read);
  EXPECT_EQ(transaction_of("BatchGetImage", Transaction::automatic), Transaction::read);
  EXPECT_EQ(transaction_of("RunTask", Transaction::automatic), Transaction::write);
  EXPECT_EQ(transaction_of("GetLogEvents", Transaction::none), Transaction::none);
}

TEST(StoredShape, ComesBackAsItWas) {
  ecs::Task task;
  task.taskArn = "arn:aws:ecs:eu-west-1:123456789012:task/default/1";
  task.createdAt = TimePoint(microseconds(1'700'000'000'123'456));
  task.version = 7;
  task.tags.emplace();  // empty is not absent
  task.containers = {{.name = "web", .exitCode = 0}};
  Json json = task;
  EXPECT_FALSE(json.contains("stoppedAt"));
  EXPECT_TRUE(json.contains("tags"));
  EXPECT_EQ(Json::parse(json.dump()).get<ecs::Task>(), task);
}

TEST(StoredShape, IgnoresWhatItDoesNotKnowAndSaysWhatIsWrong) {
  auto tag = Json::parse(R"({"key":"a","later":[1]})").get<ecs::Tag>();
  EXPECT_EQ(tag.key, "a");
  try {
    Json::parse(R"({"key":5})").get<ecs::Tag>();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("stored Tag.key"), std::string::npos) << e.what();
  }
}

TEST(Models, KnowEveryOperationAndItsErrors) {
  ASSERT_NE(find_model("elasticloadbalancing"), nullptr);
  EXPECT_EQ(find_model("elb"), nullptr);
  auto* ecs = find_model("ecs");
  ASSERT_NE(find_operation(*ecs, "RunTask"), nullptr);
  EXPECT_EQ(find_operation(*ecs, "RunTask")->input->name, "RunTaskRequest");
  EXPECT_EQ(find_operation(*ecs, "CreateDaemon"), nullptr);
  EXPECT_TRUE(std::ranges::binary_search(ecs->other_operations, "CreateDaemon"));
  // Wire codes differ from shape names where the model says so.
  EXPECT_EQ(elb::LoadBalancerNotFoundException("x").code(), "LoadBalancerNotFound");
  EXPECT_EQ(ecs::ServerException("x").http_status(), 500);
  EXPECT_STREQ(ecs::LaunchTypeValues::FARGATE, "FARGATE");
}

}  // namespace
}  // namespace slipway::aws
