// The events of all log streams, in a SQLite file of their own (WAL, synchronous=NORMAL: a killed
// daemon loses nothing, a power cut at most the last moments). Knows streams and groups only by the
// uid that the store's rows gave them, so that a stream made anew under an old name starts empty.
// Thread-safe.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "logs/logs.h"
#include "store/sqlite/database.h"

namespace slipway::logs {

// Order of events: by time, then by arrival.
struct Position {
  int64_t timestamp_ms = -1;
  int64_t sequence = -1;
  auto operator<=>(const Position&) const = default;
};

struct Event {
  Position position;
  int64_t ingestion_ms = 0;
  int64_t stream = 0;  // number of the stream in this file
  std::string message;
};

// from_ms inclusive, until_ms exclusive.
struct TimeRange {
  int64_t from_ms = 0;
  int64_t until_ms = std::numeric_limits<int64_t>::max();
};

struct StreamInfo {
  std::optional<int64_t> first_event_ms, last_event_ms, last_ingestion_ms;
};

constexpr size_t kPageBytes = 1 << 20;  // of messages in one answer
constexpr int64_t kEventOverhead = 26;  // what an event counts besides its message

class EventStore {
 public:
  explicit EventStore(const std::string& path);

  // Appends; with first_ordinal, without what was stored before. Returns the last sequence number.
  int64_t append(const std::string& group_uid, const std::string& stream_uid,
                 const std::vector<InputEvent>& events, std::optional<uint64_t> first_ordinal,
                 int64_t now_ms);
  uint64_t next_ordinal(const std::string& stream_uid) const;
  // Up to limit events (and about 1 MB) of a stream, in order: those after the position, or the
  // last ones before it.
  std::vector<Event> after(const std::string& stream_uid, TimeRange range, Position position,
                           size_t limit) const;
  std::vector<Event> before(const std::string& stream_uid, TimeRange range, Position position,
                            size_t limit) const;
  // The group's events after the position, in order, until visit returns false.
  void scan(const std::string& group_uid, TimeRange range, Position position,
            const std::function<bool(const Event&)>& visit) const;
  // Numbers of the streams, as Event::stream has them; 0 when nothing was ever put.
  int64_t stream_number(const std::string& stream_uid) const;
  StreamInfo info(const std::string& stream_uid) const;
  int64_t stored_bytes(const std::string& group_uid) const;

  // Deletes the group's events older than the time; returns how many.
  size_t expire(const std::string& group_uid, int64_t before_ms);
  std::vector<std::string> stream_uids() const;
  void drop_stream(const std::string& stream_uid);

 private:
  struct Connection {
    mutable std::mutex mutex;
    mutable store::Database db;
    explicit Connection(const std::string& path) : db(path) {}
  };
  int64_t number_of(const char* table, const std::string& uid);

  Connection writer_;
  Connection reader_;
};

}  // namespace slipway::logs
