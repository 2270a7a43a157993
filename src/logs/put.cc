// PutLogEvents: what a batch may be, and which of its events are dropped.
#include "logs/model.h"

namespace slipway::logs {

namespace {

constexpr int64_t kMaxBatchBytes = 1'048'576;
constexpr int64_t kMaxEventBytes = 1'048'576;
constexpr int64_t kDayMs = 86'400'000;

void check_batch(const std::vector<m::InputLogEvent>& events) {
  int64_t bytes = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const auto size = static_cast<int64_t>(events[i].message->size()) + kEventOverhead;
    bytes += size;
    if (size > kMaxEventBytes) {
      throw m::InvalidParameterException(
          fmt::format("Log event too large: {} bytes exceeds limit of {}", size, kMaxEventBytes));
    }
    if (i > 0 && *events[i].timestamp < *events[i - 1].timestamp) {
      throw m::InvalidParameterException(
          "Log events in a single PutLogEvents request must be in chronological order.");
    }
  }
  if (bytes > kMaxBatchBytes) {
    throw m::InvalidParameterException(
        fmt::format("Upload too large: {} bytes exceeds limit of {}", bytes, kMaxBatchBytes));
  }
  if (*events.back().timestamp - *events.front().timestamp > kDayMs) {
    throw m::InvalidParameterException(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
}

}  // namespace

m::PutLogEventsResponse put_events(Logs& self, aws::Context& c, const m::PutLogEventsRequest& in) {
  const std::string key = group_key(c, in.logGroupName);
  const auto group = need_group(*c.db, key);
  const auto stream = need_stream(*c.db, stream_key(key, *in.logStreamName));
  const auto& events = *in.logEvents;
  if (events.empty()) throw m::InvalidParameterException("logEvents must not be empty.");
  check_batch(events);
  const int64_t now = to_epoch_ms(c.now);
  const int64_t too_new = now + 2 * 3'600'000;
  const int64_t too_old = now - 14 * kDayMs;
  const int64_t expired = oldest_kept_ms(*group, c.now);
  m::RejectedLogEventsInfo rejected;
  std::vector<InputEvent> accepted;
  for (size_t i = 0; i < events.size(); ++i) {
    const int64_t at = *events[i].timestamp;
    const auto index = static_cast<int32_t>(i);
    if (at > too_new) {
      if (!rejected.tooNewLogEventStartIndex) rejected.tooNewLogEventStartIndex = index;
    } else if (at < too_old) {
      rejected.tooOldLogEventEndIndex = index + 1;
    } else if (at < expired) {
      rejected.expiredLogEventEndIndex = index + 1;
    } else {
      accepted.push_back({at, *events[i].message});
    }
  }
  int64_t sequence = 0;
  if (!accepted.empty())
    sequence = self.impl().events.append(group->uid, stream->uid, accepted, {}, now);
  m::PutLogEventsResponse out;
  out.nextSequenceToken = fmt::format("496{:053}", sequence);
  if (accepted.size() < events.size()) out.rejectedLogEventsInfo = rejected;
  return out;
}

}  // namespace slipway::logs
