// CloudWatch Logs' behaviour at its handlers.
#include "logs/logs.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "logs/filter.h"
#include "logs/model.h"

namespace slipway::logs {
namespace {

constexpr const char* kAccount = "123456789012";
constexpr const char* kRegion = "eu-central-1";

class LogsTest : public ::testing::Test {
 protected:
  LogsTest() { make_directories(folder_); }
  ~LogsTest() override { remove_tree(folder_); }

  template <typename In, typename Out>
  Out call(Out (*fn)(Logs&, aws::Context&, const In&), const In& in) {
    Out out;
    store_->write([&](store::Writer& db) {
      aws::Context c{*store_, &db, kAccount, kRegion, {}, {}, {}, {}, clock_.now(), {}};
      out = fn(logs_, c, in);
    });
    return out;
  }
  template <typename In, typename Out>
  std::string refusal(Out (*fn)(Logs&, aws::Context&, const In&), const In& in) {
    try {
      call(fn, in);
    } catch (const aws::ServiceError& e) {
      return e.code() + ": " + e.what();
    }
    return "accepted";
  }
  void make_group(const std::string& name) {
    m::CreateLogGroupRequest in;
    in.logGroupName = name;
    call(create_group, in);
  }
  void make_stream(const std::string& group, const std::string& name) {
    logs_.ensure_stream(kAccount, kRegion, group, name);
  }
  void put(const std::string& group, const std::string& stream, std::vector<InputEvent> events,
           uint64_t first) {
    logs_.put(kAccount, kRegion, group, stream, events, first);
  }
  m::FilterLogEventsRequest filter(const std::string& group) {
    m::FilterLogEventsRequest in;
    in.logGroupName = group;
    return in;
  }
  static std::string messages(const m::FilterLogEventsResponse& out) {
    std::string text;
    for (const auto& event : *out.events) text += *event.message + " ";
    return text;
  }
  int64_t now_ms() { return to_epoch_ms(clock_.now()); }

  std::string folder_ = fmt::format("{}/slipway-logs-{}", ::testing::TempDir(), random_hex(8));
  TestClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory();
  Logs logs_{(make_directories(folder_), folder_ + "/events.db"), *store_, clock_};
};

TEST_F(LogsTest, AGroupIsMadeOnceDescribedInBothArnFormsAndDeleted) {
  make_group("/ecs/shop");
  m::CreateLogGroupRequest again;
  again.logGroupName = "/ecs/shop";
  EXPECT_EQ(refusal(create_group, again),
            "ResourceAlreadyExistsException: The specified log group already exists");
  const auto described = call(describe_groups, m::DescribeLogGroupsRequest{});
  ASSERT_EQ(described.logGroups->size(), 1u);
  const auto& group = described.logGroups->at(0);
  EXPECT_EQ(group.logGroupArn, "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/shop");
  EXPECT_EQ(group.arn, *group.logGroupArn + ":*");
  EXPECT_FALSE(group.retentionInDays);
  EXPECT_FALSE(described.nextToken);
  m::DeleteLogGroupRequest gone;
  gone.logGroupName = "/ecs/shop";
  call(delete_group, gone);
  EXPECT_EQ(refusal(delete_group, gone),
            "ResourceNotFoundException: The specified log group does not exist.");
}

TEST_F(LogsTest, BadNamesAreRefused) {
  for (const char* name : {"", "a b", "aws/x", "a:b"}) {
    m::CreateLogGroupRequest in;
    in.logGroupName = name;
    EXPECT_TRUE(refusal(create_group, in).starts_with("InvalidParameterException")) << name;
  }
  make_group("g");
  m::CreateLogStreamRequest in;
  in.logGroupName = "g";
  in.logStreamName = "a:b";
  EXPECT_TRUE(refusal(create_stream, in).starts_with("InvalidParameterException"));
}

TEST_F(LogsTest, DescribeGroupsPagesByPrefix) {
  for (const char* name : {"a/1", "a/2", "a/3", "b"}) make_group(name);
  m::DescribeLogGroupsRequest in;
  in.logGroupNamePrefix = "a/";
  in.limit = 2;
  auto page = call(describe_groups, in);
  EXPECT_EQ(page.logGroups->at(1).logGroupName, "a/2");
  ASSERT_TRUE(page.nextToken);
  in.nextToken = page.nextToken;
  page = call(describe_groups, in);
  ASSERT_EQ(page.logGroups->size(), 1u);
  EXPECT_EQ(page.logGroups->at(0).logGroupName, "a/3");
  EXPECT_FALSE(page.nextToken);
}

TEST_F(LogsTest, TagsAreReachedByTheArnWithoutStar) {
  make_group("g");
  m::TagResourceRequest tag;
  tag.resourceArn = "arn:aws:logs:eu-central-1:123456789012:log-group:g";
  tag.tags = {{"team", "shop"}, {"x", "1"}};
  call(tag_resource, tag);
  m::UntagResourceRequest untag;
  untag.resourceArn = tag.resourceArn;
  untag.tagKeys = {"x"};
  call(untag_resource, untag);
  m::ListTagsForResourceRequest list;
  list.resourceArn = tag.resourceArn;
  const std::map<std::string, std::string> expected{{"team", "shop"}};
  EXPECT_EQ(call(list_tags, list).tags, expected);
  m::ListTagsLogGroupRequest old;
  old.logGroupName = "g";
  EXPECT_EQ(call(list_group_tags, old).tags, expected);
}

TEST_F(LogsTest, AContainersEventsAreStoredOnceEvenWhenRepeated) {
  make_group("g");
  make_stream("g", "s");
  put("g", "s", {{now_ms(), "one"}, {now_ms(), "two"}}, 0);
  EXPECT_EQ(logs_.next_ordinal(kAccount, kRegion, "g", "s"), 2u);
  put("g", "s", {{now_ms(), "two"}, {now_ms(), "three"}}, 1);
  put("g", "s", {{now_ms(), "two"}}, 1);
  EXPECT_EQ(messages(call(filter_events, filter("g"))), "one two three ");
  EXPECT_EQ(logs_.next_ordinal(kAccount, kRegion, "g", "s"), 3u);
  EXPECT_THROW(put("g", "none", {{now_ms(), "x"}}, 0), Error);
}

TEST_F(LogsTest, FilterMergesStreamsByTimeWithStableUniqueIds) {
  make_group("g");
  make_stream("g", "a");
  make_stream("g", "b");
  const int64_t t = now_ms();
  put("g", "a", {{t, "a1"}, {t + 2, "a2"}}, 0);
  put("g", "b", {{t + 1, "b1"}, {t + 2, "b2"}}, 0);
  const auto all = call(filter_events, filter("g"));
  EXPECT_EQ(messages(all), "a1 b1 a2 b2 ");
  EXPECT_FALSE(all.nextToken);
  std::set<std::string> ids;
  for (const auto& event : *all.events) ids.insert(*event.eventId);
  EXPECT_EQ(ids.size(), 4u);
  auto follow = filter("g");
  follow.startTime = t + 2;  // inclusive: the client drops what it has seen by id
  const auto again = call(filter_events, follow);
  EXPECT_EQ(messages(again), "a2 b2 ");
  EXPECT_EQ(again.events->at(0).eventId, all.events->at(2).eventId);
  follow = filter("g");
  follow.endTime = t + 1;
  EXPECT_EQ(messages(call(filter_events, follow)), "a1 b1 ");
  follow = filter("g");
  follow.logStreamNamePrefix = "b";
  EXPECT_EQ(messages(call(filter_events, follow)), "b1 b2 ");
  follow.logStreamNames = {"a"};
  EXPECT_TRUE(refusal(filter_events, follow).starts_with("InvalidParameterException"));
  follow.logStreamNamePrefix.reset();
  follow.logStreamNames = {"zz"};
  EXPECT_EQ(refusal(filter_events, follow),
            "ResourceNotFoundException: The specified log stream does not exist.");
}

TEST_F(LogsTest, FilterPagesUntilTheTokenIsAbsent) {
  make_group("g");
  make_stream("g", "s");
  std::vector<InputEvent> events;
  for (int i = 0; i < 5; ++i) events.push_back({now_ms(), fmt::format("{}", i)});
  put("g", "s", events, 0);
  auto in = filter("g");
  in.limit = 2;
  std::string seen;
  int pages = 0;
  do {
    const auto page = call(filter_events, in);
    seen += messages(page);
    in.nextToken = page.nextToken;
    ASSERT_LT(++pages, 5);
  } while (in.nextToken);
  EXPECT_EQ(seen, "0 1 2 3 4 ");
  EXPECT_EQ(pages, 3);
  in.nextToken = "!!";
  EXPECT_TRUE(refusal(filter_events, in).starts_with("InvalidParameterException"));
}

TEST_F(LogsTest, GetEventsWalksBothWaysAndAnswersTheSameTokenAtTheEnd) {
  make_group("g");
  make_stream("g", "s");
  std::vector<InputEvent> events;
  for (int i = 0; i < 5; ++i) events.push_back({now_ms() + i, fmt::format("{}", i)});
  put("g", "s", events, 0);
  m::GetLogEventsRequest in;
  in.logGroupName = "g";
  in.logStreamName = "s";
  in.limit = 2;
  auto page = call(get_events, in);
  EXPECT_EQ(page.events->at(0).message, "3");
  EXPECT_EQ(page.nextForwardToken->size(), 60u);
  in.nextToken = page.nextBackwardToken;
  page = call(get_events, in);
  EXPECT_EQ(page.events->at(0).message, "1");
  EXPECT_EQ(page.events->at(1).message, "2");
  in.nextToken = page.nextForwardToken;
  in.limit = 10;
  page = call(get_events, in);
  EXPECT_EQ(page.events->at(0).message, "3");
  in.nextToken = page.nextForwardToken;
  page = call(get_events, in);
  EXPECT_TRUE(page.events->empty());
  EXPECT_EQ(page.nextForwardToken, in.nextToken);
  in.nextToken = "f/12";
  EXPECT_TRUE(refusal(get_events, in).starts_with("InvalidParameterException"));
}

TEST_F(LogsTest, PutEventsDropsWhatIsOutsideTheWindowAndSaysSo) {
  make_group("g");
  make_stream("g", "s");
  auto request = [&](std::vector<int64_t> times) {
    m::PutLogEventsRequest in;
    in.logGroupName = "g";
    in.logStreamName = "s";
    in.logEvents.emplace();
    for (const int64_t t : times) {
      auto& event = in.logEvents->emplace_back();
      event.timestamp = t;
      event.message = "x";
    }
    return in;
  };
  const int64_t now = now_ms();
  const int64_t hour = 3'600'000;
  EXPECT_FALSE(call(put_events, request({now - 1, now})).rejectedLogEventsInfo);
  auto rejected = call(put_events, request({now, now + 3 * hour})).rejectedLogEventsInfo;
  EXPECT_EQ(rejected->tooNewLogEventStartIndex, 1);
  rejected = call(put_events, request({now - 15 * 24 * hour})).rejectedLogEventsInfo;
  EXPECT_EQ(rejected->tooOldLogEventEndIndex, 1);
  EXPECT_TRUE(refusal(put_events, request({now, now - 1})).find("chronological") !=
              std::string::npos);
  EXPECT_TRUE(refusal(put_events, request({now - 25 * hour, now})).find("24 hours") !=
              std::string::npos);
  EXPECT_EQ(call(filter_events, filter("g")).events->size(), 3u);
}

TEST_F(LogsTest, RetentionIsActedOnByReadsAtOnceAndByTheSweep) {
  make_group("g");
  make_stream("g", "s");
  put("g", "s", {{now_ms(), "old"}}, 0);
  m::PutRetentionPolicyRequest policy;
  policy.logGroupName = "g";
  policy.retentionInDays = 2;
  EXPECT_TRUE(refusal(put_retention, policy).starts_with("InvalidParameterException"));
  policy.retentionInDays = 1;
  call(put_retention, policy);
  EXPECT_EQ(logs_.sweep(), 0u);
  clock_.advance(seconds(25 * 3600));
  put("g", "s", {{now_ms(), "new"}}, 1);
  EXPECT_EQ(messages(call(filter_events, filter("g"))), "new ");
  EXPECT_EQ(logs_.sweep(), 1u);
  EXPECT_EQ(call(describe_groups, m::DescribeLogGroupsRequest{}).logGroups->at(0).storedBytes,
            3 + 26);
}

TEST_F(LogsTest, AStreamMadeAnewStartsEmptyAndTheSweepDropsTheOldEvents) {
  make_group("g");
  make_stream("g", "s");
  put("g", "s", {{now_ms(), "old"}}, 0);
  m::DeleteLogStreamRequest in;
  in.logGroupName = "g";
  in.logStreamName = "s";
  call(delete_stream, in);
  make_stream("g", "s");
  EXPECT_EQ(messages(call(filter_events, filter("g"))), "");
  EXPECT_EQ(logs_.next_ordinal(kAccount, kRegion, "g", "s"), 0u);
  logs_.sweep();
  EXPECT_EQ(call(describe_groups, m::DescribeLogGroupsRequest{}).logGroups->at(0).storedBytes, 0);
}

TEST_F(LogsTest, DescribeStreamsOrdersByLastEvent) {
  make_group("g");
  for (const char* name : {"a", "b", "c"}) make_stream("g", name);
  put("g", "b", {{now_ms() + 5, "x"}}, 0);
  put("g", "c", {{now_ms() + 1, "x"}, {now_ms() + 2, "x"}}, 0);
  m::DescribeLogStreamsRequest in;
  in.logGroupName = "g";
  in.orderBy = "LastEventTime";
  in.descending = true;
  in.limit = 2;
  auto page = call(describe_streams, in);
  ASSERT_EQ(page.logStreams->size(), 2u);
  EXPECT_EQ(page.logStreams->at(0).logStreamName, "b");
  EXPECT_EQ(page.logStreams->at(1).firstEventTimestamp, now_ms() + 1);
  EXPECT_EQ(page.logStreams->at(1).lastEventTimestamp, now_ms() + 2);
  in.nextToken = page.nextToken;
  page = call(describe_streams, in);
  ASSERT_EQ(page.logStreams->size(), 1u);
  EXPECT_EQ(page.logStreams->at(0).logStreamName, "a");
  EXPECT_FALSE(page.logStreams->at(0).lastEventTimestamp);
}

TEST(FilterPattern, CombinesTermsExclusionsAndOptionalTerms) {
  EXPECT_TRUE(Filter("").matches("anything"));
  EXPECT_TRUE(Filter("ERROR order").matches("an order failed: ERROR"));
  EXPECT_FALSE(Filter("ERROR order").matches("ERROR"));
  EXPECT_FALSE(Filter("ERROR -retry").matches("ERROR, will retry"));
  EXPECT_TRUE(Filter("?ERROR ?WARN").matches("WARN"));
  EXPECT_FALSE(Filter("?ERROR ?WARN").matches("INFO"));
  EXPECT_TRUE(Filter("\"GET /api\" -\"200 OK\"").matches("GET /api 404"));
  EXPECT_FALSE(Filter("\"GET /api\"").matches("GET  /api"));
  EXPECT_TRUE(Filter("\"a \\\"b\\\"\"").matches("a \"b\""));
}

TEST(FilterPattern, RefusesWhatIsNotSupportedByName) {
  auto refusal = [](std::string_view pattern) -> std::string {
    try {
      Filter filter(pattern);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal("{ $.level = \"error\" }").find("JSON filter patterns"), std::string::npos);
  EXPECT_NE(refusal("[ip, user]").find("not supported"), std::string::npos);
  EXPECT_NE(refusal("%a.*%").find("not supported"), std::string::npos);
  EXPECT_NE(refusal("user-agent").find("Invalid character(s) in term"), std::string::npos);
  EXPECT_NE(refusal("\"open").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("a - b").find("empty term"), std::string::npos);
}

}  // namespace
}  // namespace slipway::logs
