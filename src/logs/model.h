// The rows of log groups and streams, and how requests name them.
#pragma once
#include "aws/gen/logs.h"
#include "aws/op.h"
#include "logs/events.h"
#include "store/table.h"

namespace slipway::logs {

namespace m = aws::logs;

struct Group {
  std::string name, uid;
  int64_t created_ms = 0;
  std::optional<int> retention_days{};
  std::string log_class = "STANDARD";
  bool deletion_protection = false;
  std::map<std::string, std::string> tags{};
};
struct Stream {
  std::string name, uid;
  int64_t created_ms = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Group, name, uid, created_ms, retention_days,
                                                log_class, deletion_protection, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Stream, name, uid, created_ms)

inline constexpr store::Table<Group> groups("logs_groups");
inline constexpr store::Table<Stream> streams("logs_streams");

struct Logs::Impl {
  EventStore events;
  store::Store& store;
  Clock& clock;
};

// Whose groups: the prefix of all keys. Names hold no ':'.
inline std::string scope(std::string_view account, std::string_view region) {
  return fmt::format("{}:{}:", account, region);
}
inline std::string scope(const aws::Context& c) {
  return scope(c.account, c.region);
}
inline std::string stream_key(const std::string& group_key, std::string_view stream) {
  return fmt::format("{}:{}", group_key, stream);
}

// The key of the group that a request names, by name or by ARN (exactly one of the two). Throws
// InvalidParameterException.
std::string group_key(const aws::Context& c, const std::optional<std::string>& name,
                      const std::optional<std::string>& identifier = {});
// The same from a resource ARN without the ":*".
std::string group_key_of_arn(const aws::Context& c, std::string_view arn);
// Throw ResourceNotFoundException.
std::shared_ptr<const Group> need_group(const store::Reader& db, const std::string& key);
std::shared_ptr<const Stream> need_stream(const store::Reader& db, const std::string& key);

// Throw InvalidParameterException.
void check_group_name(std::string_view name);
void check_stream_name(std::string_view name);
std::map<std::string, std::string> with_tags(std::map<std::string, std::string> tags,
                                             const std::map<std::string, std::string>& added);
// Both throw InvalidParameterException when the token is none of ours.
std::string make_token(std::string_view text);
std::string read_token(const std::string& token);
// Events before this are expired.
int64_t oldest_kept_ms(const Group& group, TimePoint now);

m::CreateLogGroupResponse create_group(Logs&, aws::Context&, const m::CreateLogGroupRequest&);
m::DeleteLogGroupResponse delete_group(Logs&, aws::Context&, const m::DeleteLogGroupRequest&);
m::DescribeLogGroupsResponse describe_groups(Logs&, aws::Context&,
                                             const m::DescribeLogGroupsRequest&);
m::ListLogGroupsResponse list_groups(Logs&, aws::Context&, const m::ListLogGroupsRequest&);
m::PutRetentionPolicyResponse put_retention(Logs&, aws::Context&,
                                            const m::PutRetentionPolicyRequest&);
m::DeleteRetentionPolicyResponse delete_retention(Logs&, aws::Context&,
                                                  const m::DeleteRetentionPolicyRequest&);
m::TagResourceResponse tag_resource(Logs&, aws::Context&, const m::TagResourceRequest&);
m::UntagResourceResponse untag_resource(Logs&, aws::Context&, const m::UntagResourceRequest&);
m::ListTagsForResourceResponse list_tags(Logs&, aws::Context&,
                                         const m::ListTagsForResourceRequest&);
m::TagLogGroupResponse tag_group(Logs&, aws::Context&, const m::TagLogGroupRequest&);
m::UntagLogGroupResponse untag_group(Logs&, aws::Context&, const m::UntagLogGroupRequest&);
m::ListTagsLogGroupResponse list_group_tags(Logs&, aws::Context&,
                                            const m::ListTagsLogGroupRequest&);
m::CreateLogStreamResponse create_stream(Logs&, aws::Context&, const m::CreateLogStreamRequest&);
m::DeleteLogStreamResponse delete_stream(Logs&, aws::Context&, const m::DeleteLogStreamRequest&);
m::DescribeLogStreamsResponse describe_streams(Logs&, aws::Context&,
                                               const m::DescribeLogStreamsRequest&);
m::PutLogEventsResponse put_events(Logs&, aws::Context&, const m::PutLogEventsRequest&);
m::GetLogEventsResponse get_events(Logs&, aws::Context&, const m::GetLogEventsRequest&);
m::FilterLogEventsResponse filter_events(Logs&, aws::Context&, const m::FilterLogEventsRequest&);

}  // namespace slipway::logs
