// Log streams: life and listing. What was last logged comes from the event database.
#include "base/ids.h"
#include "logs/model.h"

namespace slipway::logs {

namespace {

constexpr const char* kSequenceToken =
    "49600000000000000000000000000000000000000000000000000002";  // ignored by PutLogEvents

m::LogStream describe(Logs& self, const aws::Context& c, const Group& group, const Stream& stream) {
  m::LogStream out;
  const StreamInfo info = self.impl().events.info(stream.uid);
  out.logStreamName = stream.name;
  out.creationTime = stream.created_ms;
  out.firstEventTimestamp = info.first_event_ms;
  out.lastEventTimestamp = info.last_event_ms;
  out.lastIngestionTime = info.last_ingestion_ms;
  out.uploadSequenceToken = kSequenceToken;
  out.arn = c.arn("logs", fmt::format("log-group:{}:log-stream:{}", group.name, stream.name));
  out.storedBytes = 0;  // as CloudWatch answers since 2019
  return out;
}

// Order of DescribeLogStreams, and what its token holds.
std::pair<int64_t, std::string> rank(const m::LogStream& stream, bool by_time) {
  return {by_time ? stream.lastEventTimestamp.value_or(0) : 0, *stream.logStreamName};
}

std::pair<int64_t, std::string> read_rank(const std::string& token) {
  const std::string text = read_token(token);
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_integer() || !json[1].is_string())
    throw m::InvalidParameterException("The specified nextToken is invalid.");
  return {json[0].get<int64_t>(), json[1].get<std::string>()};
}

}  // namespace

m::CreateLogStreamResponse create_stream(Logs&, aws::Context& c,
                                         const m::CreateLogStreamRequest& in) {
  const std::string key = group_key(c, in.logGroupName);
  need_group(*c.db, key);
  check_stream_name(*in.logStreamName);
  const std::string name = stream_key(key, *in.logStreamName);
  if (streams.get(*c.db, name))
    throw m::ResourceAlreadyExistsException("The specified log stream already exists");
  streams.put(*c.db, name, {*in.logStreamName, random_hex(16), to_epoch_ms(c.now)});
  return {};
}

m::DeleteLogStreamResponse delete_stream(Logs&, aws::Context& c,
                                         const m::DeleteLogStreamRequest& in) {
  const std::string key = group_key(c, in.logGroupName);
  need_group(*c.db, key);
  const std::string name = stream_key(key, *in.logStreamName);
  need_stream(*c.db, name);
  streams.erase(*c.db, name);  // the events go with the next sweep
  return {};
}

m::DescribeLogStreamsResponse describe_streams(Logs& self, aws::Context& c,
                                               const m::DescribeLogStreamsRequest& in) {
  const std::string key = group_key(c, in.logGroupName, in.logGroupIdentifier);
  const auto group = need_group(*c.db, key);
  const bool by_time = in.orderBy.value_or("LogStreamName") == "LastEventTime";
  if (by_time && in.logStreamNamePrefix) {
    throw m::InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.");
  }
  std::vector<m::LogStream> all;
  for (const auto& stream :
       streams.scan(*c.db, stream_key(key, in.logStreamNamePrefix.value_or(""))))
    all.push_back(describe(self, c, *group, *stream));
  const bool descending = in.descending.value_or(false);
  auto before = [&](const auto& a, const auto& b) { return descending ? b < a : a < b; };
  std::sort(all.begin(), all.end(), [&](const m::LogStream& a, const m::LogStream& b) {
    return before(rank(a, by_time), rank(b, by_time));
  });
  m::DescribeLogStreamsResponse out;
  out.logStreams.emplace();
  const auto limit = static_cast<size_t>(in.limit.value_or(50));
  std::optional<std::pair<int64_t, std::string>> after;
  if (in.nextToken) after = read_rank(*in.nextToken);
  for (auto& stream : all) {
    if (after && !before(*after, rank(stream, by_time))) continue;
    if (out.logStreams->size() == limit) {
      const auto last = rank(out.logStreams->back(), by_time);
      out.nextToken = make_token(Json::array({last.first, last.second}).dump());
      break;
    }
    out.logStreams->push_back(std::move(stream));
  }
  return out;
}

}  // namespace slipway::logs
