// Reading events: GetLogEvents (one stream, both directions) and FilterLogEvents (a group, merged).
#include "base/error.h"
#include "base/strings.h"
#include "logs/filter.h"
#include "logs/model.h"

namespace slipway::logs {

namespace {

// What one FilterLogEvents call looks at before it answers a token to go on with.
constexpr size_t kScanBytes = 64 << 20;
constexpr int32_t kMaxEvents = 10'000;
constexpr Position kBeyond{std::numeric_limits<int64_t>::max(),
                           std::numeric_limits<int64_t>::max()};

// "<direction>/<56 digits>/s": 20 of time, 36 of sequence.
std::string position_token(char direction, Position position) {
  return fmt::format("{}/{:020}{:036}/s", direction, std::max<int64_t>(position.timestamp_ms, 0),
                     std::max<int64_t>(position.sequence, 0));
}

Position read_position(std::string_view token) {
  const auto digits = token.size() >= 58 ? token.substr(2, 56) : std::string_view();
  const auto time = parse_int(digits.substr(0, std::min<size_t>(20, digits.size())));
  const auto sequence = digits.empty() ? std::nullopt : parse_int(digits.substr(20));
  const bool framed = token.starts_with("f/") || token.starts_with("b/");
  const auto rest = token.size() >= 58 ? token.substr(58) : std::string_view();
  if (!framed || !time || !sequence || (!rest.empty() && rest != "/s"))
    throw m::InvalidParameterException("The specified nextToken is invalid.");
  return {*time, *sequence};
}

TimeRange range_of(const Group& group, TimePoint now, const std::optional<int64_t>& from,
                   const std::optional<int64_t>& until_exclusive) {
  TimeRange range;
  range.from_ms = std::max(from.value_or(0), oldest_kept_ms(group, now));
  if (until_exclusive) range.until_ms = *until_exclusive;
  return range;
}

size_t limit_of(const std::optional<int32_t>& limit) {
  return static_cast<size_t>(std::clamp(limit.value_or(kMaxEvents), 1, kMaxEvents));
}

// The streams that a FilterLogEvents request asks for, by their number; empty: all.
using Names = std::map<int64_t, std::string>;
Names streams_of(Logs& self, aws::Context& c, const std::string& key,
                 const m::FilterLogEventsRequest& in) {
  if (in.logStreamNames && in.logStreamNamePrefix) {
    throw m::InvalidParameterException(
        "logStreamNames and logStreamNamePrefix are mutually exclusive.");
  }
  Names names;
  auto add = [&](const Stream& stream) {
    if (const int64_t number = self.impl().events.stream_number(stream.uid))
      names[number] = stream.name;
  };
  if (in.logStreamNames) {
    for (const auto& name : *in.logStreamNames) add(*need_stream(*c.db, stream_key(key, name)));
    return names;
  }
  for (const auto& stream :
       streams.scan(*c.db, stream_key(key, in.logStreamNamePrefix.value_or(""))))
    add(*stream);
  return names;
}

Filter parse_filter(const std::optional<std::string>& pattern) {
  try {
    return Filter(pattern.value_or(""));
  } catch (const Error& e) {
    throw m::InvalidParameterException(e.what());
  }
}

m::FilteredLogEvent shown(const Event& event, const std::string& stream) {
  m::FilteredLogEvent out;
  out.logStreamName = stream;
  out.timestamp = event.position.timestamp_ms;
  out.message = event.message;
  out.ingestionTime = event.ingestion_ms;
  out.eventId = fmt::format("{:020}{:016}{:020}", event.position.timestamp_ms, event.stream,
                            event.position.sequence);
  return out;
}

}  // namespace

m::GetLogEventsResponse get_events(Logs& self, aws::Context& c, const m::GetLogEventsRequest& in) {
  const std::string key = group_key(c, in.logGroupName, in.logGroupIdentifier);
  const auto group = need_group(*c.db, key);
  const auto stream = need_stream(*c.db, stream_key(key, *in.logStreamName));
  const TimeRange range = range_of(*group, c.now, in.startTime, in.endTime);
  const auto& events = self.impl().events;
  const size_t limit = limit_of(in.limit);
  std::vector<Event> page;
  Position anchor{0, 0};  // what both tokens point at when the page is empty
  if (in.nextToken) {
    anchor = read_position(*in.nextToken);
    page = in.nextToken->starts_with('f') ? events.after(stream->uid, range, anchor, limit)
                                          : events.before(stream->uid, range, anchor, limit);
  } else if (in.startFromHead.value_or(false)) {
    page = events.after(stream->uid, range, {}, limit);
  } else {
    page = events.before(stream->uid, range, kBeyond, limit);
  }
  m::GetLogEventsResponse out;
  out.events.emplace();
  for (auto& event : page) {
    auto& shown = out.events->emplace_back();
    shown.timestamp = event.position.timestamp_ms;
    shown.message = std::move(event.message);
    shown.ingestionTime = event.ingestion_ms;
  }
  out.nextForwardToken = position_token('f', page.empty() ? anchor : page.back().position);
  out.nextBackwardToken = position_token('b', page.empty() ? anchor : page.front().position);
  return out;
}

m::FilterLogEventsResponse filter_events(Logs& self, aws::Context& c,
                                         const m::FilterLogEventsRequest& in) {
  const std::string key = group_key(c, in.logGroupName, in.logGroupIdentifier);
  const auto group = need_group(*c.db, key);
  const Filter filter = parse_filter(in.filterPattern);
  const Names names = streams_of(self, c, key, in);
  auto until = in.endTime;
  if (until && *until < std::numeric_limits<int64_t>::max()) ++*until;  // inclusive here
  const TimeRange range = range_of(*group, c.now, in.startTime, until);
  const size_t limit = limit_of(in.limit);
  m::FilterLogEventsResponse out;
  out.events.emplace();
  out.searchedLogStreams.emplace();
  Position reached = in.nextToken ? read_position(read_token(*in.nextToken)) : Position{};
  size_t scanned = 0;
  size_t bytes = 0;
  auto visit = [&](const Event& event) {
    const auto name = names.find(event.stream);
    const bool wanted = name != names.end() && filter.matches(event.message);
    const bool full = out.events->size() == limit || bytes + event.message.size() > kPageBytes;
    if (scanned > kScanBytes || (wanted && full && !out.events->empty())) {
      out.nextToken = make_token(position_token('f', reached));
      return false;
    }
    scanned += event.message.size() + 64;
    reached = event.position;
    if (!wanted) return true;
    bytes += event.message.size() + 26;
    out.events->push_back(shown(event, name->second));
    return true;
  };
  if (!names.empty()) self.impl().events.scan(group->uid, range, reached, visit);
  return out;
}

}  // namespace slipway::logs
